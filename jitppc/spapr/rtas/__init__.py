"""RTAS calls by LoPAR chapter; `rows` imports them all into the table."""
