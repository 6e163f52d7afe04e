FROM python:3.11-slim-bookworm
WORKDIR /arborist
COPY requirements.lock ./
RUN pip install --no-cache-dir --requirement requirements.lock
COPY . .
RUN useradd --create-home --uid 1000 arborist && chown -R 1000 /arborist
USER 1000
ENTRYPOINT ["python", "run_pipeline.py"]
CMD ["--all"]
