"""The REST API's requests and answers, typed."""
