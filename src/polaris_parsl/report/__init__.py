"""What happened in a run: read from its record, computed once, shown as text, JSON or one HTML file."""
