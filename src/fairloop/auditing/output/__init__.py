"""An audit as text, document, tables, figures and page."""
