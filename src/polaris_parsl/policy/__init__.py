"""Whether the site's queues take a request."""
