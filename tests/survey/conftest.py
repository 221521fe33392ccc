"""The programs here are other people's: their tests are not ours."""

collect_ignore = ["programs"]
