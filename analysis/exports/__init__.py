"""Files of the report that other programs read: tables, the web page, model cards.

An export is its queries and a function from rows to files. To add one, write `exports/NAME.py` and list it here.
"""

from analysis.exports.cards import CARDS_EXPORT
from analysis.exports.leaderboard import LEADERBOARD_EXPORT
from analysis.exports.outcomes import OUTCOMES_EXPORT
from analysis.exports.site import SITE
from analysis.section import Export
from pipeline.registry import Registry

EXPORTS: Registry[Export] = Registry("export", (LEADERBOARD_EXPORT, OUTCOMES_EXPORT, CARDS_EXPORT, SITE))
