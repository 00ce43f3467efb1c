"""Recurrent networks in nothing but NumPy: the mathematics to read, and an engine to run.

In the order of the data:

- `initializers` draws the first weights of a described network (`NetworkSpec`);
- `projection` multiplies the input vectors of all time steps with a layer's kernel at once;
- `cells` has the equations of SimpleRNN, LSTM and GRU for one step, forwards and backwards;
- `recurrent` runs a cell over time, `scan`, and back, `scan_backward`: backpropagation through
  time; masks and directions live there. `activations` has the functions that cells end in;
- `layers` has everything around them: dropout, pooling, dense. `output_feedback` has the recurrent
  layer whose memory is its last output;
- `network` puts them together: `Network.forward` and `Network.backward`;
- `embedding` puts word vectors in front, at the cost of a batch's distinct words;
- `next_words` says which word comes next, which a network may learn before anything else;
- `losses` says how wrong the output is and where the way back starts;
- `adversarial` changes what a network is fed with to where it is misled most, to learn from;
- `optimizers` turns gradients into changed weights;
- `stepping` reads without an end, one step or some steps at a time;
- `prediction` reads many texts at once, with all processors;
- `sampling` draws what comes next from a network's probabilities, and so writes texts.

`memory` and `step_product` make it fast: they know nothing of networks' mathematics.

Names, gate order, masks and numbers are Keras's, so that weights move both ways. Nothing here
imports Keras; nothing changes its arguments, but for an optimizer the weights and its state.
"""

from sentiment_rnn._threads import one_processor
from sentiment_rnn.numpy_rnn.initializers import glorot_uniform, initial_weights, orthogonal
from sentiment_rnn.numpy_rnn.losses import (
    LossAndGradient,
    binary_crossentropy,
    categorical_crossentropy,
    loss_and_gradient,
    sparse_categorical_crossentropy,
)
from sentiment_rnn.numpy_rnn.network import Network
from sentiment_rnn.numpy_rnn.optimizers import (
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Optimizer,
    OptimizerState,
    RMSprop,
    clip_by_global_norm,
    clip_by_value,
)
from sentiment_rnn.numpy_rnn.projection import project, project_backward
from sentiment_rnn.numpy_rnn.recurrent import (
    Kept,
    Scan,
    ScanGradients,
    scan,
    scan_backward,
    split_bias,
)
from sentiment_rnn.numpy_rnn.sampling import (
    Beam,
    beam_search,
    draw,
    generate,
    top_k,
    top_p,
    with_temperature,
)
from sentiment_rnn.numpy_rnn.stepping import RNN

__all__ = [
    "OPTIMIZERS",
    "RNN",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "Beam",
    "Kept",
    "LossAndGradient",
    "Network",
    "Optimizer",
    "OptimizerState",
    "RMSprop",
    "Scan",
    "ScanGradients",
    "beam_search",
    "binary_crossentropy",
    "categorical_crossentropy",
    "clip_by_global_norm",
    "clip_by_value",
    "draw",
    "generate",
    "glorot_uniform",
    "initial_weights",
    "loss_and_gradient",
    "one_processor",
    "orthogonal",
    "project",
    "project_backward",
    "scan",
    "scan_backward",
    "sparse_categorical_crossentropy",
    "split_bias",
    "top_k",
    "top_p",
    "with_temperature",
]
