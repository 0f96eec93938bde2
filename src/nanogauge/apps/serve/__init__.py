"""`nanogauge serve`: the page on which a person checks and corrects. docs/serve.md says what it does for its user.

    browser ──api──▶ studio ─┬─ project        the work folder, samples, what the gallery shows
       ▲                     ├─ worker, tasks  decoding and measuring in processes of their own
       │                     └─ session        one open micrograph: journal ▶ labels ▶ remeasure ▶ filters ▶ Delta
       └──── pages, static (NiceGUI; picture, chart and table in plain JavaScript)

Sessions, edits and what follows from them are in `nanogauge.editing`, tested without a browser.
"""
