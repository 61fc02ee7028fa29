"""What Soniox's realtime services take and answer: messages, options, limits, errors, addresses. No socket, no trio."""
