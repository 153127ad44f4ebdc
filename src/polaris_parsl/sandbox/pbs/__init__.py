"""The PBS stand-in: what the server, the scheduler and the moms of OpenPBS do."""
