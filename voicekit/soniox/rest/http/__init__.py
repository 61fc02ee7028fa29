"""The HTTP layer of the REST client: requests, bodies, retries, uploads, and files that are written completely or not
at all."""
