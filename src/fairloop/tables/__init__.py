"""Users' tables: any frame as Arrow, any CSV file as text, any value in its usual spelling."""
