"""The ids of special tokens in texts, the same in data and models.

A text is a row of L ids: its tokens, then `END` if there is room for it, then `PAD`. `BEGIN` stands in no row; models
that need a mark of the beginning put it in front themselves.
"""

PAD, BEGIN, END, UNKNOWN = range(4)

SPECIALS = ("<pad>", "<s>", "</s>", "<unk>")
"""The special tokens as text, by their ids."""
