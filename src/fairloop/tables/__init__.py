"""Other people's tables: any frame as Arrow, any CSV file as text, any value as a person would write it."""
