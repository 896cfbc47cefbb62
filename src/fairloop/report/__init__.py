"""From stores to tables and pictures; nothing here simulates."""
