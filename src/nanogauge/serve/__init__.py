"""`nanogauge serve`: the page on which a person checks and corrects. docs/serve.md says what it does for its user.

    browser ──api──▶ studio ─┬─ project        the work folder, samples, what the gallery shows
       ▲                     ├─ worker, tasks  decoding and measuring in processes of their own
       │                     └─ session        one open micrograph: journal ▶ labels ▶ remeasure ▶ judgement ▶ Delta
       └──── pages, static (NiceGUI; picture, chart and table in plain JavaScript)

Pure and tested without a browser: patches, edits, propose, judgement, remeasure, scale_choice, journal, uploads' names, live.
"""
