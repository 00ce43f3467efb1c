"""What each command of the command line does: a few lines over the library.

`sentiment_rnn.cli` reads the arguments and calls a function of this room with them: of `sentiment`,
`characters` or `tools`. `data` reads what goes in, and `output` writes what comes out.
"""
