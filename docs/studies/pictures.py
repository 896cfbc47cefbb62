"""Draw the figure of each study's page from the rows beside this file: `python -m docs.studies.pictures`."""

from docs.studies import rows
from fairloop.report.figures import atlas
from fairloop.report.figures.style import save
from fairloop.report.table import gathered

if __name__ == "__main__":
    for name in rows.USUAL:
        table = gathered([rows.HERE / f"{name}.parquet"])
        save(atlas.FIGURES["for-whom"](atlas.Study(table, {})).figure, rows.HERE / f"{name}.png")
