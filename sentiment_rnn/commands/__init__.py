"""What each command of the command line does: a few lines over the library.

`sentiment_rnn.cli` reads the arguments and calls a function of this room with them: of `sentiment`,
`tuning`, `scoring`, `serving`, `characters` or `tools`. `data` reads what goes in, and `output`
writes what comes out. `trainings` has what the commands that train have in common, `probing` what
those that ask cells have; `imports` imports what takes long or says too much.
"""
