"""The ids of special tokens in texts, the same in data and models.

A text is a row of L ids: its tokens, then `END` if it fits, then `PAD`. Rows never contain `BEGIN`; models that need a
begin token add it themselves.
"""

PAD, BEGIN, END, UNKNOWN = range(4)

SPECIALS = ("<pad>", "<s>", "</s>", "<unk>")
"""The special tokens as text, by their ids."""
