"""What the cards of models say."""


def test_the_card_of_a_network(saved):
    card = (saved / "README.md").read_text()
    assert "Bidirectional(SimpleRNN(4)) → Dropout(0.2) → Flatten → Dense(1)" in card
    assert "| validation | " in card
    command = (
        "train --data DATA --preset bidirectional --vectors imdb --seed 1 --maxlen 60 --units 4"
    )
    assert command in card
