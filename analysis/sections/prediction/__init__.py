"""reports/prediction.md: which cheap signal would have told."""
