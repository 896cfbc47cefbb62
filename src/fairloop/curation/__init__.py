"""Which samples a model trains on: as they come, or curated towards a fairness ideal by STAR."""
