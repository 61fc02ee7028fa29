"""The realtime services' messages, options, limits, errors and addresses. No socket, no trio."""
