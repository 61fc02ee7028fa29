"""What the REST API takes and answers, typed."""
