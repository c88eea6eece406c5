"""Python functions of the character RNN."""
from libc.stdint cimport INT32_MAX, int32_t, uint8_t, uint16_t, uint64_t

from nncore._core.recurrent.char_rnn cimport (
    Plan, Rows, Text, evaluate, gradients, load_states, make_plan, plan_windows, sample,
    store_states, train,
)
from nncore._core.recurrent.stack cimport RecurrentLayer, Steps, has_padding
from nncore._core.recurrent.step cimport CELL_STATES, Cell
from nncore._core.ops.once cimport nn_once_size
from nncore._core.ops.sampling cimport Candidate, SamplingOptions
from nncore._core.ops.signals cimport flush_subnormals, restore_subnormals

from nncore.arguments import char_rnn as char_rnn_arguments
from nncore.arguments.char_rnn_train_call import CharRNNTrainCall


cdef void *scratch_for(const Plan *plan, int kind, list keep) except NULL:
    return kept_scratch(plan.scratch, kind, has_padding(&plan.stack), keep)


cdef int32_t *ids_for(Py_ssize_t n, list keep):
    cdef object array = aligned_zeros(n, "i4")
    keep.append(array)
    return <int32_t *>data(array)


cdef Rows rows_for(const Plan *plan, list keep):
    cdef Rows rows
    rows.ids = ids_for(plan.vocabulary, keep)
    rows.listed = ids_for(plan.vocabulary, keep)
    rows.count = 0
    return rows


cdef Plan plan_of(object sizes):
    """The parameters of a network of checked sizes."""
    cdef int code = CELL_CODES[sizes.cell]
    return make_plan(<Cell>code, sizes.vocabulary, sizes.hidden, sizes.layers)


cdef Steps steps_for(Py_ssize_t count, Py_ssize_t streams, list keep):
    """Steps of all streams: their rows start at 0, N, 2 N, ..."""
    cdef Steps at
    cdef object array = aligned_zeros(count + 1, "i8")
    cdef Py_ssize_t *first = <Py_ssize_t *>data(array)
    cdef Py_ssize_t t
    keep.append(array)
    for t in range(count + 1):
        first[t] = t * streams
    at.count, at.first = count, first
    return at


cdef bint ids_fit(object ids, object h0):
    """Whether ids are of the native index type, (T,) for h0 (H,) or (N, T) for h0 (N, H)."""
    cdef int ndim = cnp.PyArray_NDIM(h0)
    return (cnp.PyArray_CheckExact(ids) and PyArray_ISCARRAY_RO(<cnp.ndarray>ids)
            and cnp.PyArray_TYPE(ids) == cnp.NPY_INTP and cnp.PyArray_NDIM(ids) == ndim
            and (ndim == 1 or dim(ids, 0) == dim(h0, 0)))


cdef bint window_fits(inputs, targets, h0, wxh, whh, why, bh, by):
    """Whether the kernel can read the arrays as they are; the ids are not checked."""
    cdef int kind = kind_of(h0, -1)
    cdef int ndim
    cdef Py_ssize_t vocabulary, hidden
    if (not kind or kind_of(wxh, 2) != kind or kind_of(whh, 2) != kind
            or kind_of(why, 2) != kind or kind_of(bh, 1) != kind or kind_of(by, 1) != kind):
        return False
    ndim, vocabulary, hidden = cnp.PyArray_NDIM(h0), dim(wxh, 0), dim(wxh, 1)
    return ((ndim == 1 or ndim == 2 and dim(h0, 0) > 0) and dim(h0, ndim - 1) == hidden
            and vocabulary <= INT32_MAX and dim(whh, 0) == hidden and dim(whh, 1) == hidden
            and dim(why, 0) == hidden and dim(why, 1) == vocabulary
            and dim(bh, 0) == hidden and dim(by, 0) == vocabulary
            and ids_fit(inputs, h0) and ids_fit(targets, h0) and same_shape(inputs, targets))


cdef bint copy_ids(const Plan *plan, const Py_ssize_t *ids, int32_t *out):
    """out (T, N) = ids (N, T); return whether all of them are in the vocabulary."""
    cdef Py_ssize_t n, t, one
    if plan.steps == 0:  # a loop over the streams could have 2^59 iterations
        return True
    for n in range(plan.streams):
        for t in range(plan.steps):
            one = nn_once_size(ids + n * plan.steps + t)
            if one < 0 or one >= plan.vocabulary:
                return False
            out[t * plan.streams + n] = <int32_t>one
    return True


cdef object part_of(
    object vector, Py_ssize_t start, int ndim, Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t row
):
    """A parameter in a flat vector: (cols,), or (rows, cols) with rows `row` numbers apart."""
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(vector)
    cdef cnp.npy_intp[2] dims
    cdef cnp.npy_intp[2] strides
    dims[0], dims[1] = rows, cols
    strides[0], strides[1] = row * size, size
    part = cnp.PyArray_New(
        cnp.ndarray, ndim, dims + 2 - ndim, cnp.PyArray_TYPE(vector), strides + 2 - ndim,
        <char *>data(vector) + start * size, 0, cnp.NPY_ARRAY_BEHAVED, None)
    cnp.set_array_base(part, vector)
    return part


cdef void load_weights(const Plan *p, const real **parts, real *weights) noexcept nogil:
    """Copy wxh, whh, why, bh and by into the flat vector, whose padding is 0."""
    cdef const RecurrentLayer *layer = &p.stack.layer[0]
    cdef Py_ssize_t v = p.vocabulary, n = layer.columns, row = layer.cell.gates_row
    copy_rows(v, n, parts[0], n, weights + layer.wxh, row)
    copy_rows(layer.cell.hidden, n, parts[1], n, weights + layer.whh, row)
    copy_rows(layer.cell.hidden, v, parts[2], v, weights + p.stack.why, v)
    copy_rows(1, n, parts[3], n, weights + layer.bh, n)
    copy_rows(1, v, parts[4], v, weights + p.stack.by, v)


cdef int window_gradients(
    const Plan *plan, const Steps *at, const real *weights, const int32_t *x, const int32_t *y,
    const real *h0, real *scratch, Rows *rows, real *gradient, double *loss, real *h_last,
) except -1 nogil:
    load_states(plan, h0, scratch)
    gradients(plan, at, weights, x, y, 0, 0, scratch, rows, gradient, loss)
    store_states(plan, plan.steps, <const real *>scratch, h_last)
    return 0


cdef double flat_gradients(
    Plan *plan, int kind, const void *weights, const Py_ssize_t *inputs, const Py_ssize_t *targets,
    const void *h0, void *gradient, void *h_last,
) except? -1:
    """The loss of a window; gradient = its flat gradient, h_last = the states after it.

    Raises IndexError if an id is out of range.
    """
    cdef list keep = []
    cdef Py_ssize_t n = plan.steps * plan.streams
    cdef int32_t *x = ids_for(2 * n, keep)
    # The copy that the kernel reads is checked, as other threads may write to the ids.
    if not copy_ids(plan, inputs, x) or not copy_ids(plan, targets, x + n):
        raise IndexError("inputs or targets changed during the call")
    cdef void *scratch = scratch_for(plan, kind, keep)
    cdef Rows rows = rows_for(plan, keep)
    cdef Steps at = steps_for(plan.steps, plan.streams, keep)
    cdef double loss
    cdef unsigned long long mode
    with nogil:
        mode = flush_subnormals()
        try:
            if kind == cnp.NPY_FLOAT:
                window_gradients(plan, &at, <const float *>weights, x, x + n, <const float *>h0,
                                 <float *>scratch, &rows, <float *>gradient, &loss,
                                 <float *>h_last)
            else:
                window_gradients(plan, &at, <const double *>weights, x, x + n,
                                 <const double *>h0, <double *>scratch, &rows,
                                 <double *>gradient, &loss, <double *>h_last)
        finally:
            restore_subnormals(mode)
    return loss


def char_rnn_gradients(inputs, targets, h0, wxh, whh, why, bh, by):
    if not window_fits(inputs, targets, h0, wxh, whh, why, bh, by):
        inputs, targets, h0, wxh, whh, why, bh, by = char_rnn_arguments.char_rnn_gradients(
            inputs, targets, h0, wxh, whh, why, bh, by)
    # Shapes and pointers are read here, before Python code lets other threads change them.
    cdef int ndim = cnp.PyArray_NDIM(h0)
    cdef int kind = cnp.PyArray_TYPE(h0)
    cdef Plan plan = make_plan(TANH_CELL, dim(wxh, 0), dim(wxh, 1), 1)
    plan_windows(&plan, dim(h0, 0) if ndim == 2 else 1, dim(inputs, ndim - 1), 0, True)
    cdef Address[5] parts = [data(wxh), data(whh), data(why), data(bh), data(by)]
    cdef void *h = data(h0)
    cdef const Py_ssize_t *x = <const Py_ssize_t *>data(inputs)
    cdef const Py_ssize_t *y = <const Py_ssize_t *>data(targets)
    h_last = empty_like(h0, kind)
    flat, gradient = zeros(plan.stack.parameters, kind), zeros(plan.stack.parameters, kind)
    if kind == cnp.NPY_FLOAT:
        load_weights(&plan, <const float **>parts, <float *>data(flat))
    else:
        load_weights(&plan, <const double **>parts, <double *>data(flat))
    try:
        total = flat_gradients(&plan, kind, data(flat), x, y, h, data(gradient), data(h_last))
    except IndexError:
        char_rnn_arguments.char_rnn_gradients(inputs, targets, h0, wxh, whh, why, bh, by)
        raise
    cdef const RecurrentLayer *layer = &plan.stack.layer[0]
    cdef Py_ssize_t v = plan.vocabulary, n = layer.cell.hidden, row = layer.cell.gates_row
    return total, {
        "wxh": part_of(gradient, layer.wxh, 2, v, n, row),
        "whh": part_of(gradient, layer.whh, 2, n, n, row),
        "why": part_of(gradient, plan.stack.why, 2, n, v, v),
        "bh": part_of(gradient, layer.bh, 1, 1, n, n),
        "by": part_of(gradient, plan.stack.by, 1, 1, v, v),
    }, h_last


def char_rnn_window(weights, inputs, targets, h, *, vocabulary, cell="tanh", layers=1):
    weights, inputs, targets, h, sizes = char_rnn_arguments.window(
        weights, inputs, targets, h, vocabulary, cell, layers)
    cdef int kind = cnp.PyArray_TYPE(weights)
    cdef Plan plan = plan_of(sizes)
    plan_windows(&plan, dim(h, 0), dim(inputs, 1), 0, True)
    gradient, h_last = zeros(plan.stack.parameters, kind), empty_like(h, kind)
    loss = flat_gradients(&plan, kind, data(weights), <Py_ssize_t *>data(inputs),
                          <Py_ssize_t *>data(targets), data(h), data(gradient), data(h_last))
    return loss, gradient, h_last


cdef Text text_of(object text, Py_ssize_t streams):
    """The C view of an array of ids in streams of equal length; remaining ids are not read."""
    cdef Text t
    t.narrow = <const uint8_t *>data(text) if cnp.PyArray_TYPE(text) == cnp.NPY_UINT8 else NULL
    t.wide = <const uint16_t *>data(text) if t.narrow == NULL else NULL
    t.length = t.stride = cnp.PyArray_SIZE(text) // streams
    return t


def char_rnn_train(weights, gradient, slots, text, counters, h, rates, losses, *,
                   vocabulary, seq_length, optimizer, clip_value=0.0, clip_norm=0.0,
                   cell="tanh", layers=1, dropout=0.0, seed=0):
    call = char_rnn_arguments.train(CharRNNTrainCall(
        weights, gradient, slots, text, counters, h, rates, losses, vocabulary, seq_length,
        optimizer, clip_value, clip_norm, cell, layers, dropout, seed))
    cdef Plan plan = plan_of(call.sizes)
    plan_windows(&plan, dim(call.h, 0), call.seq_length, call.dropout, True)
    cdef Rule rule = rule_of(call.optimizer, call.clip_value)
    cdef int kind = cnp.PyArray_TYPE(call.weights)
    cdef Text t = text_of(call.text, plan.streams)
    cdef list keep = []
    cdef void *scratch = scratch_for(&plan, kind, keep)
    cdef int32_t *ids = ids_for((plan.steps + 1) * plan.streams, keep)
    cdef Rows rows = rows_for(&plan, keep)
    cdef Steps at = steps_for(plan.steps, plan.streams, keep)
    cdef void *w = data(call.weights)
    cdef void *g = data(call.gradient)
    cdef Address[MAX_SLOTS] s
    find_slots(call.slots, s)
    cdef void *state = data(call.h)
    cdef long long *count = <long long *>data(call.counters)
    cdef long long *shown = <long long *>data(call.shown)
    cdef const double *rate = <const double *>data(call.rates)
    cdef double *out = <double *>data(call.losses)
    cdef double norm = call.clip_norm
    cdef uint64_t key = call.seed
    cdef Py_ssize_t n = dim(call.losses, 0), done
    cdef unsigned long long mode
    with nogil:
        mode = flush_subnormals()
        try:
            if kind == cnp.NPY_FLOAT:
                done = train(&plan, &at, &rule, norm, key, <float *>w, <float *>g, <float **>s,
                             &t, count, shown, <float *>state, rate, out, n, ids, &rows,
                             <float *>scratch)
            else:
                done = train(&plan, &at, &rule, norm, key, <double *>w, <double *>g, <double **>s,
                             &t, count, shown, <double *>state, rate, out, n, ids, &rows,
                             <double *>scratch)
        finally:
            restore_subnormals(mode)
    return done


# Time steps evaluated at once; enough for the output product to reach full speed.
cdef enum:
    EVALUATION_STEPS = 64


def char_rnn_evaluate(weights, text, h, *, vocabulary, cell="tanh", layers=1):
    weights, text, h, sizes = char_rnn_arguments.evaluate(
        weights, text, h, vocabulary, cell, layers)
    cdef Plan plan = plan_of(sizes)
    plan_windows(&plan, 1, EVALUATION_STEPS, 0, False)
    cdef int kind = cnp.PyArray_TYPE(weights)
    cdef Text t = text_of(text, 1)
    cdef list keep = []
    cdef void *scratch = scratch_for(&plan, kind, keep)
    cdef int32_t *ids = ids_for(plan.steps + 1, keep)
    cdef Steps at = steps_for(plan.steps, 1, keep)
    cdef void *w = data(weights)
    cdef void *state = data(h)
    cdef double nats = 0
    cdef unsigned long long mode
    with nogil:
        mode = flush_subnormals()
        try:
            if kind == cnp.NPY_FLOAT:
                evaluate(&plan, &at, <const float *>w, &t, <float *>state, ids, <float *>scratch,
                         &nats)
            else:
                evaluate(&plan, &at, <const double *>w, &t, <double *>state, ids,
                         <double *>scratch, &nats)
        finally:
            restore_subnormals(mode)
    return nats


def char_rnn_sample(weights, h, last, uniforms, *, vocabulary, temperature=1.0, top_k=0, top_p=1.0,
                    cell="tanh", layers=1):
    weights, h, last, uniforms, sizes, temperature, top_k, top_p = char_rnn_arguments.sample(
        weights, h, last, uniforms, vocabulary, temperature, top_k, top_p, cell, layers)
    cdef Plan plan = plan_of(sizes)
    plan_windows(&plan, 1, 1, 0, False)
    cdef int kind = cnp.PyArray_TYPE(weights)
    cdef list keep = []
    cdef void *scratch = scratch_for(&plan, kind, keep)
    cdef Steps at = steps_for(1, 1, keep)
    cdef Py_ssize_t n = dim(uniforms, 0)
    cdef object chosen = aligned_zeros(n, "i4")
    cdef object room = aligned_zeros(plan.vocabulary * sizeof(Candidate), "u1")
    cdef int32_t *ids = <int32_t *>data(chosen)
    cdef Candidate *candidates = <Candidate *>data(room)
    cdef void *w = data(weights)
    cdef void *state = data(h)
    cdef const double *u = <const double *>data(uniforms)
    cdef int32_t first = last
    cdef SamplingOptions how
    how.temperature, how.top_k, how.top_p = temperature, top_k, top_p
    cdef unsigned long long mode
    with nogil:
        mode = flush_subnormals()
        try:
            if kind == cnp.NPY_FLOAT:
                sample(&plan, &at, <const float *>w, <float *>state, first, u, n, &how,
                       ids, candidates, <float *>scratch)
            else:
                sample(&plan, &at, <const double *>w, <double *>state, first, u, n, &how,
                       ids, candidates, <double *>scratch)
        finally:
            restore_subnormals(mode)
    return chosen
