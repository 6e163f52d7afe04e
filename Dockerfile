# The pipeline on any machine, on a GPU with `--gpus all` and `--device cuda`: docs/OPERATIONS.md, "Docker".
FROM python:3.11-slim-bookworm
WORKDIR /arborist
COPY requirements.lock ./
RUN pip install --no-cache-dir --requirement requirements.lock \
    && useradd --create-home --uid 1000 arborist \
    && mkdir --parents model_architecture /home/arborist/.cache \
    && chown 1000:1000 . model_architecture /home/arborist/.cache
COPY --chown=1000:1000 . .
USER 1000
ENTRYPOINT ["python", "run_pipeline.py"]
CMD ["--all"]
