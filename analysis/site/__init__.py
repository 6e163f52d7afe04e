"""The web page: tables and charts as values, and their one HTML file."""
