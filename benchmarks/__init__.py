"""What the package costs beside its alternatives: `sentiment-rnn benchmark` runs it.

`measuring` says what a comparison is and measures it, `machine` what it ran on, `rendering` and
`charts` write down what was found, and each module of `suites` lists comparisons.
"""
