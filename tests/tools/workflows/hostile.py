"""Texts that become commands, options, paths or lines of a file where somebody was careless."""

from pathlib import Path


def hostile_texts(canary: Path) -> tuple[str, ...]:
    """Return 25 texts or more; a shell that runs one of them makes the canary's file, or one of its name."""
    make = f"touch {canary}"
    return (
        f"$({make})",
        f"`{make}`",
        f"; {make} #",
        f'"; {make}; "',
        f"'; {make}; '",
        f"'; {make} #",
        f"| {make}",
        f"|| {make}",
        f"&& {make}",
        f"& {make} &",
        f"\n{make}\n",
        f"\r\n{make}\r\n",
        f"x\nEOF\n{make}\n",
        f"x\nEND\nPATH=/tmp\n{make}",
        f"${{IFS}}$({make.replace(' ', '${IFS}')})",
        f"a[$({make})]",
        f"$((a[$({make})]))",
        f"${{x:-$({make})}}",
        f"<({make})",
        f">{canary}",
        f"x > {canary}",
        f"*; {make}",
        f"--help; {make}",
        f"-c '{make}'",
        f"--config={canary}",
        f"../../../{canary}",
        "%s%s%n%x",
        f"{{{{ {make} }}}}",
        "${{ github.token }}",
        f"__import__('os').system('{make}')",
        f"!!python/object/apply:os.system ['{make}']",
        f"::set-env name=BASH_ENV::{canary}",
        "::add-mask::a",
        "##[error]x",
        "\x1b]0;title\x07\x1b[2J",
        "\u202egnp.exe\u2066",
        "'; DROP TABLE models; --",
        "<script>alert(1)</script>",
        "A" * 10_000,
    )
