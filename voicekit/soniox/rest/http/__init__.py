"""The HTTP layer of the REST client: requests, bodies, retries, uploads, files written completely or not at all."""
