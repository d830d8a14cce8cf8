"""The Oxen dialect: repositories of versioned data, and evaluations over their data frames, as the
official `oxenai` client and the hub's HTTP API speak them. See docs/dialects/oxen.md."""
