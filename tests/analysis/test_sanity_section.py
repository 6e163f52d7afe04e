"""What the findings say of the sanity checks."""

from analysis.sections.prune.sanity import CheckRow, sanity_sentence


def check_row(name: str, outcome: str = "ok") -> CheckRow:
    return CheckRow(name, outcome, 5, 1, "m", "", "")


def said(*rows: CheckRow) -> str:
    [sentence] = sanity_sentence([*rows])
    return " ".join(str(getattr(part, "text", part)) for part in sentence)


def test_the_findings_name_the_checks_that_were_made_and_none_that_failed() -> None:
    assert said(check_row("sparsity"), check_row("dense_again")) == (
        "10 of 10 sanity checks passed: dense numbers found again, sparsity counted."
    )
    assert said(check_row("sparsity"), check_row("text_apart"), check_row("text_apart", "failed")) == (
        "10 of 15 sanity checks passed: sparsity counted."
    )
    assert said(check_row("counts")) == "5 of 5 sanity checks passed."
