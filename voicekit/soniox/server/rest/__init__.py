"""The service's side of the REST API. Pure."""
