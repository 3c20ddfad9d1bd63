/* SPDX-License-Identifier: MIT */
/* The pickle of a PyTorch file, read without running it. A pickle is a program for a stack machine: its instructions
 * push numbers, texts, tuples and dicts, and call functions by name. This reader knows the instructions that a state
 * dict needs, and five kinds of callables. The result of calling any other name is an opaque value: harmless as long as
 * it only stands beside the tensors (the options of a training script, say), refused where a tensor is wanted.
 * Values are nodes of an array, containers are linked lists of cells; nothing recurses.
 * Instructions are described in Python's pickletools. */
#include "io/torch_file.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

enum { MOST_NODES = 4000000, MOST_STACK = 1000000, NAME_TEXT = 160 };

enum kind {
    KIND_NONE,
    KIND_NUMBER, /* an integer or a boolean */
    KIND_OTHER,  /* a value whose content does not matter: a fraction, bytes */
    KIND_TEXT,
    KIND_SEQUENCE, /* tuple or list */
    KIND_DICT,     /* cells: key, value, key, value */
    KIND_NAME,     /* a known callable */
    KIND_STORAGE,
    KIND_TENSOR,
    KIND_OPAQUE, /* an unknown name, or a result of calling it; .first and .last: nodes of its module and its name */
    KIND_MARK
};

enum called { CALL_DICT, CALL_TENSOR, CALL_PARAMETER, CALL_SIZE, CALL_STORAGE };

struct node {
    enum kind   kind;
    enum called called;       /* of a name: what calling it makes */
    const char *type;         /* of a storage, and of a name that makes storages: "F32" */
    int64_t     number;       /* of a storage: its elements; of a tensor: its index in reader.tensors */
    const char *text;         /* of a text; of a storage: its key. Points into the pickle */
    size_t      length;       /* of `text` */
    uint32_t    first, last;  /* cells of a container; 0: none */
    uint32_t    count;
};

struct cell {
    uint32_t node, next;
};

struct reader {
    const char    *file;
    const uint8_t *bytes;
    size_t         size, at, instruction; /* instruction: offset of the current one, for messages */
    struct memory *memory;
    struct error  *error;
    struct node   *nodes; /* nodes[0] stands for "none" */
    size_t         node_count, node_capacity;
    struct cell   *cells; /* cells[0] stands for "none" */
    size_t         cell_count, cell_capacity;
    uint32_t      *stack;
    size_t         stack_count, stack_capacity;
    uint32_t      *memo; /* the pickle's memo: nodes kept by number for later; 0: nothing is kept there */
    size_t         memo_count, memo_capacity;
    struct torch_tensor *tensors; /* in the order in which the pickle rebuilds them; names are not known yet */
    size_t               tensor_count, tensor_capacity;
};

static int refuse(const struct reader *r, const char *what)
{
    return error_set(r->error, FOV_E_INPUT, "%s: pickle, byte %zu: %s", r->file, r->instruction, what);
}

/* ---- nodes, cells and the stack ---------------------------------------------------------------------------------- */

static uint32_t add_node(struct reader *r, struct node node)
{
    if (r->node_count >= MOST_NODES) {
        refuse(r, "more values than a state dict has");
        return 0;
    }
    if (memory_grow(r->memory, (void **)&r->nodes, &r->node_capacity, r->node_count + 1, sizeof *r->nodes, "a pickle",
                    r->error) != FOV_OK) {
        return 0;
    }
    if (r->node_count == 0) {
        r->nodes[r->node_count++] = (struct node){0};
    }
    r->nodes[r->node_count] = node;
    return (uint32_t)r->node_count++;
}

static int append(struct reader *r, uint32_t container, uint32_t item)
{
    if (memory_grow(r->memory, (void **)&r->cells, &r->cell_capacity, r->cell_count + 1, sizeof *r->cells, "a pickle",
                    r->error) != FOV_OK) {
        return (int)r->error->status;
    }
    if (r->cell_count == 0) {
        r->cells[r->cell_count++] = (struct cell){0};
    }
    if (r->cell_count > 2 * (size_t)MOST_NODES) {
        return refuse(r, "more values than a state dict has");
    }
    uint32_t cell = (uint32_t)r->cell_count++;
    r->cells[cell] = (struct cell){.node = item};
    struct node *into = &r->nodes[container];
    if (into->last != 0) {
        r->cells[into->last].next = cell;
    } else {
        into->first = cell;
    }
    into->last = cell;
    into->count++;
    return FOV_OK;
}

/* The i-th item of a sequence; 0: it has none, or the node is no sequence. Linear, but only called for short ones. */
static uint32_t item(const struct reader *r, uint32_t sequence, uint32_t i)
{
    uint32_t cell = r->nodes[sequence].kind == KIND_SEQUENCE ? r->nodes[sequence].first : 0;
    for (; i > 0 && cell != 0; i--) {
        cell = r->cells[cell].next;
    }
    return cell != 0 ? r->cells[cell].node : 0;
}

static int push(struct reader *r, uint32_t node)
{
    if (node == 0) {
        return (int)r->error->status;
    }
    if (r->stack_count >= MOST_STACK) {
        return refuse(r, "too many values wait");
    }
    int status = memory_grow(r->memory, (void **)&r->stack, &r->stack_capacity, r->stack_count, sizeof *r->stack,
                             "a pickle", r->error);
    if (status == FOV_OK) {
        r->stack[r->stack_count++] = node;
    }
    return status;
}

static int push_new(struct reader *r, struct node node)
{
    return push(r, add_node(r, node));
}

/* Pops the top of the stack; 0 and an error where the stack is empty or a mark is on top. */
static uint32_t pop(struct reader *r)
{
    if (r->stack_count == 0 || r->nodes[r->stack[r->stack_count - 1]].kind == KIND_MARK) {
        refuse(r, "a value is missing");
        return 0;
    }
    return r->stack[--r->stack_count];
}

static uint32_t top(struct reader *r)
{
    uint32_t node = pop(r);
    r->stack_count += node != 0;
    return node;
}

/* The stack index of the first value above the last mark; 0 and an error: there is no mark. */
static size_t behind_mark(struct reader *r)
{
    size_t at = r->stack_count;
    while (at > 0 && r->nodes[r->stack[at - 1]].kind != KIND_MARK) {
        at--;
    }
    if (at == 0) {
        refuse(r, "a mark is missing");
    }
    return at;
}

/* ---- reading bytes ----------------------------------------------------------------------------------------------- */

static const uint8_t *take(struct reader *r, size_t count)
{
    if (count > r->size - r->at) {
        refuse(r, "it is cut off");
        return NULL;
    }
    r->at += count;
    return r->bytes + r->at - count;
}

static bool take_number(struct reader *r, int bytes, bool is_signed, int64_t *value)
{
    const uint8_t *at = take(r, (size_t)bytes);
    uint64_t       bits = 0;
    if (at == NULL) {
        return false;
    }
    for (int i = bytes - 1; i >= 0; i--) {
        bits = bits << 8 | at[i];
    }
    bool negative = is_signed && bytes > 0 && (at[bytes - 1] & 0x80) != 0;
    *value = (int64_t)(negative && bytes < 8 ? bits | UINT64_MAX << (8 * bytes) : bits);
    return true;
}

static int push_number(struct reader *r, int bytes, bool is_signed)
{
    int64_t value;
    return take_number(r, bytes, is_signed, &value)
               ? push_new(r, (struct node){.kind = KIND_NUMBER, .number = value})
               : (int)r->error->status;
}

static int push_text(struct reader *r, int length_bytes)
{
    int64_t        length;
    const uint8_t *text;
    if (!take_number(r, length_bytes, false, &length) || (text = take(r, (size_t)length)) == NULL) {
        return (int)r->error->status;
    }
    return push_new(r, (struct node){.kind = KIND_TEXT, .text = (const char *)text, .length = (size_t)length});
}

/* LONG1, an integer of any length: more than eight bytes are refused, as no size needs them. */
static int push_long(struct reader *r)
{
    int64_t length;
    if (!take_number(r, 1, false, &length)) {
        return (int)r->error->status;
    }
    return length <= 8 ? push_number(r, (int)length, true) : refuse(r, "a number is too large");
}

/* ---- names and calls --------------------------------------------------------------------------------------------- */

static const struct {
    const char *name; /* "MODULE NAME" */
    enum called called;
    const char *type;
} known_names[] = {
    {"collections OrderedDict", CALL_DICT, NULL},
    {"torch._utils _rebuild_tensor_v2", CALL_TENSOR, NULL},
    {"torch._utils _rebuild_parameter", CALL_PARAMETER, NULL},
    {"torch Size", CALL_SIZE, NULL},
    {"torch FloatStorage", CALL_STORAGE, "F32"},
    {"torch DoubleStorage", CALL_STORAGE, "F64"},
    {"torch HalfStorage", CALL_STORAGE, "F16"},
    {"torch BFloat16Storage", CALL_STORAGE, "BF16"},
    {"torch LongStorage", CALL_STORAGE, "I64"},
    {"torch IntStorage", CALL_STORAGE, "I32"},
    {"torch ShortStorage", CALL_STORAGE, "I16"},
    {"torch CharStorage", CALL_STORAGE, "I8"},
    {"torch ByteStorage", CALL_STORAGE, "U8"},
    {"torch BoolStorage", CALL_STORAGE, "BOOL"},
};

static int push_name(struct reader *r, const char *module, size_t module_length, const char *name, size_t name_length)
{
    char full[256];
    snprintf(full, sizeof full, "%.*s %.*s", (int)(module_length < 120 ? module_length : 120), module,
             (int)(name_length < 120 ? name_length : 120), name);
    for (size_t i = 0; i < sizeof known_names / sizeof *known_names; i++) {
        if (strcmp(full, known_names[i].name) == 0) {
            return push_new(r, (struct node){.kind = KIND_NAME, .called = known_names[i].called,
                                             .type = known_names[i].type});
        }
    }
    uint32_t first = add_node(r, (struct node){.kind = KIND_TEXT, .text = module, .length = module_length});
    uint32_t last = add_node(r, (struct node){.kind = KIND_TEXT, .text = name, .length = name_length});
    return last == 0 ? (int)r->error->status
                     : push_new(r, (struct node){.kind = KIND_OPAQUE, .first = first, .last = last});
}

/* Pushes the result of using an opaque value: opaque as well, with the same name for messages. */
static int push_opaque(struct reader *r, uint32_t node)
{
    return push_new(r, (struct node){.kind = KIND_OPAQUE, .first = r->nodes[node].first, .last = r->nodes[node].last});
}

/* Refuses an opaque value where a tensor is wanted: as the value of the key `entry`, or (NULL) as the whole file. */
static int refuse_opaque(const struct reader *r, uint32_t node, const struct node *entry)
{
    char full[2 * NAME_TEXT], shown[NAME_TEXT], of[NAME_TEXT] = "", where[NAME_TEXT + 16] = "";
    const struct node *module = &r->nodes[r->nodes[node].first], *name = &r->nodes[r->nodes[node].last];
    snprintf(full, sizeof full, "%.*s %.*s", (int)(module->length < 120 ? module->length : 120), module->text,
             (int)(name->length < 120 ? name->length : 120), name->text);
    if (entry != NULL && entry->kind == KIND_TEXT) {
        char name_of[NAME_TEXT / 2];
        snprintf(name_of, sizeof name_of, "%.*s", (int)(entry->length < 70 ? entry->length : 70), entry->text);
        snprintf(where, sizeof where, " for \"%.140s\"", text_escape(of, sizeof of, name_of));
    }
    return error_set(r->error, FOV_E_UNSUPPORTED,
                     "%s: pickle: it would run \"%s\"%s, which tensors do not need: nothing was run. Save "
                     "model.state_dict() alone",
                     r->file, text_escape(shown, sizeof shown, full), where);
}

/* GLOBAL: two lines of text. */
static int read_name(struct reader *r)
{
    const char *part[2];
    size_t      length[2];
    for (int i = 0; i < 2; i++) {
        const uint8_t *end = memchr(r->bytes + r->at, '\n', r->size - r->at);
        if (end == NULL) {
            return refuse(r, "it is cut off");
        }
        part[i] = (const char *)r->bytes + r->at;
        length[i] = (size_t)(end - (r->bytes + r->at));
        r->at += length[i] + 1;
    }
    return push_name(r, part[0], length[0], part[1], length[1]);
}

/* BINPERSID: pops a storage's description, ("storage", type, key, device, number of elements). */
static int read_storage(struct reader *r)
{
    uint32_t id = pop(r);
    if (id == 0) {
        return (int)r->error->status;
    }
    const struct node *type = &r->nodes[item(r, id, 1)], *key = &r->nodes[item(r, id, 2)],
                      *count = &r->nodes[item(r, id, 4)];
    if (type->kind == KIND_OPAQUE) {
        return push_opaque(r, item(r, id, 1));
    }
    if (r->nodes[id].kind != KIND_SEQUENCE || r->nodes[id].count != 5 || type->kind != KIND_NAME ||
        type->called != CALL_STORAGE || key->kind != KIND_TEXT || count->kind != KIND_NUMBER || count->number < 0) {
        return refuse(r, "a storage is not described as PyTorch does");
    }
    return push_new(r, (struct node){.kind = KIND_STORAGE, .type = type->type, .text = key->text,
                                     .length = key->length, .number = count->number});
}

/* A tuple of whole numbers >= 0, at most FOV_MAX_RANK. */
static bool read_sizes(const struct reader *r, uint32_t sequence, int64_t sizes[FOV_MAX_RANK], int *count)
{
    const struct node *node = &r->nodes[sequence];
    if (node->kind != KIND_SEQUENCE || node->count > FOV_MAX_RANK) {
        return false;
    }
    *count = (int)node->count;
    for (int i = 0; i < *count; i++) {
        const struct node *size = &r->nodes[item(r, sequence, (uint32_t)i)];
        if (size->kind != KIND_NUMBER || size->number < 0) {
            return false;
        }
        sizes[i] = size->number;
    }
    return true;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks...) */
static int rebuild_tensor(struct reader *r, uint32_t arguments)
{
    const struct node  *storage = &r->nodes[item(r, arguments, 0)], *offset = &r->nodes[item(r, arguments, 1)];
    struct torch_tensor tensor = {0};
    int                 strides = 0;
    if (storage->kind == KIND_OPAQUE) {
        return push_opaque(r, item(r, arguments, 0));
    }
    if (r->nodes[arguments].count < 4 || storage->kind != KIND_STORAGE || offset->kind != KIND_NUMBER ||
        offset->number < 0 || !read_sizes(r, item(r, arguments, 2), tensor.size, &tensor.rank) ||
        !read_sizes(r, item(r, arguments, 3), tensor.stride, &strides) || strides != tensor.rank) {
        return refuse(r, "a tensor is not described as PyTorch does");
    }
    tensor.type = storage->type;
    tensor.key = storage->text;
    tensor.key_length = storage->length;
    tensor.elements = storage->number;
    tensor.offset = offset->number;
    int status = memory_grow(r->memory, (void **)&r->tensors, &r->tensor_capacity, r->tensor_count,
                             sizeof *r->tensors, "a pickle's tensors", r->error);
    if (status != FOV_OK) {
        return status;
    }
    r->tensors[r->tensor_count] = tensor;
    return push_new(r, (struct node){.kind = KIND_TENSOR, .number = (int64_t)r->tensor_count++});
}

static int call(struct reader *r)
{
    uint32_t arguments = pop(r), name = arguments != 0 ? pop(r) : 0;
    if (name == 0) {
        return (int)r->error->status;
    }
    if (r->nodes[name].kind == KIND_OPAQUE) {
        return push_opaque(r, name);
    }
    if (r->nodes[name].kind != KIND_NAME || r->nodes[arguments].kind != KIND_SEQUENCE) {
        return refuse(r, "it calls what is no name");
    }
    uint32_t first = item(r, arguments, 0);
    switch (r->nodes[name].called) {
    case CALL_DICT:
        return r->nodes[arguments].count == 0 ? push_new(r, (struct node){.kind = KIND_DICT})
                                              : refuse(r, "a dict is made of something");
    case CALL_TENSOR:
        return rebuild_tensor(r, arguments);
    case CALL_PARAMETER:
        return first != 0 && (r->nodes[first].kind == KIND_TENSOR || r->nodes[first].kind == KIND_OPAQUE)
                   ? push(r, first)
                   : refuse(r, "a parameter without its tensor");
    case CALL_SIZE:
        return first != 0 ? push(r, first) : refuse(r, "a size without its numbers");
    case CALL_STORAGE:
        break;
    }
    return refuse(r, "a storage is called");
}

/* ---- containers -------------------------------------------------------------------------------------------------- */

static int make_sequence(struct reader *r, size_t from, bool drop_mark)
{
    uint32_t sequence = add_node(r, (struct node){.kind = KIND_SEQUENCE});
    int      status = sequence == 0 ? (int)r->error->status : FOV_OK;
    for (size_t i = from; i < r->stack_count && status == FOV_OK; i++) {
        status = append(r, sequence, r->stack[i]);
    }
    if (status == FOV_OK) {
        r->stack_count = from - (drop_mark ? 1 : 0);
        status = push(r, sequence);
    }
    return status;
}

/* TUPLE1 to TUPLE3 */
static int make_tuple(struct reader *r, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i >= r->stack_count || r->nodes[r->stack[r->stack_count - 1 - i]].kind == KIND_MARK) {
            return refuse(r, "a value is missing");
        }
    }
    return make_sequence(r, r->stack_count - count, false);
}

static int make_marked_tuple(struct reader *r)
{
    size_t from = behind_mark(r);
    return from > 0 ? make_sequence(r, from, true) : (int)r->error->status;
}

/* Moves the values from stack index `from` on into the container below them; `kept`: stack entries between the two (1:
 * a mark). */
static int fill(struct reader *r, enum kind kind, size_t from, size_t kept)
{
    if (from >= kept + 1 && r->nodes[r->stack[from - kept - 1]].kind == KIND_OPAQUE) {
        r->stack_count = from - kept; /* a dict or list of another class */
        return FOV_OK;
    }
    if (from < kept + 1 || r->nodes[r->stack[from - kept - 1]].kind != kind ||
        (kind == KIND_DICT && (r->stack_count - from) % 2 != 0)) {
        return refuse(r, kind == KIND_DICT ? "entries without their dict" : "items without their list");
    }
    uint32_t container = r->stack[from - kept - 1];
    int      status = FOV_OK;
    for (size_t i = from; i < r->stack_count && status == FOV_OK; i++) {
        status = append(r, container, r->stack[i]);
    }
    r->stack_count = from - kept;
    return status;
}

static int fill_behind_mark(struct reader *r, enum kind kind)
{
    size_t from = behind_mark(r);
    return from > 0 ? fill(r, kind, from, 1) : (int)r->error->status;
}

static int fill_with(struct reader *r, enum kind kind, size_t count)
{
    return count <= r->stack_count ? fill(r, kind, r->stack_count - count, 0) : refuse(r, "a value is missing");
}

/* BUILD: drops the state of a dict or an opaque value (an OrderedDict's "_metadata", say), which is not needed. */
static int drop_state(struct reader *r)
{
    uint32_t state = pop(r), owner = state != 0 ? top(r) : 0;
    if (owner == 0) {
        return (int)r->error->status;
    }
    bool has_state = r->nodes[owner].kind == KIND_DICT || r->nodes[owner].kind == KIND_OPAQUE;
    return has_state ? FOV_OK : refuse(r, "a state for what is no dict");
}

static int keep(struct reader *r, int64_t place)
{
    uint32_t node = top(r);
    if (node == 0) {
        return (int)r->error->status;
    }
    if (place < 0 || place >= MOST_NODES) {
        return refuse(r, "a value is kept too far away");
    }
    while (r->memo_count <= (size_t)place) {
        if (memory_grow(r->memory, (void **)&r->memo, &r->memo_capacity, r->memo_count, sizeof *r->memo, "a pickle",
                        r->error) != FOV_OK) {
            return (int)r->error->status;
        }
        r->memo[r->memo_count++] = 0;
    }
    r->memo[place] = node;
    return FOV_OK;
}

static int recall(struct reader *r, int64_t place)
{
    bool kept = place >= 0 && (size_t)place < r->memo_count && r->memo[place] != 0;
    return kept ? push(r, r->memo[place]) : refuse(r, "a value is asked for that was never kept");
}

static int keep_or_recall(struct reader *r, int bytes, int (*then)(struct reader *, int64_t))
{
    int64_t place;
    return take_number(r, bytes, false, &place) ? then(r, place) : (int)r->error->status;
}

/* STACK_GLOBAL: module and name are texts on the stack. */
static int read_stacked_name(struct reader *r)
{
    uint32_t name = pop(r), module = name != 0 ? pop(r) : 0;
    if (module == 0) {
        return (int)r->error->status;
    }
    const struct node *m = &r->nodes[module], *n = &r->nodes[name];
    return m->kind == KIND_TEXT && n->kind == KIND_TEXT ? push_name(r, m->text, m->length, n->text, n->length)
                                                        : refuse(r, "a name is no text");
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static int skip(struct reader *r, size_t bytes)
{
    return take(r, bytes) != NULL ? FOV_OK : (int)r->error->status;
}

/* NEWOBJ_EX: a class, its positional arguments, and its named arguments, which are dropped. */
static int call_by_name(struct reader *r)
{
    uint32_t named = pop(r);
    return named != 0 ? call(r) : (int)r->error->status;
}

/* Bytes, as in pickled NumPy scalars; their content is skipped. */
static int skip_bytes(struct reader *r, int length_bytes)
{
    int64_t length;
    if (!take_number(r, length_bytes, false, &length) || take(r, (size_t)length) == NULL) {
        return (int)r->error->status;
    }
    return push_new(r, (struct node){.kind = KIND_OTHER});
}

static int skip_fraction(struct reader *r)
{
    int status = skip(r, 8);
    return status == FOV_OK ? push_new(r, (struct node){.kind = KIND_OTHER}) : status;
}

static int step(struct reader *r, uint8_t code)
{
    switch (code) {
    case 0x80: return skip(r, 1);       /* PROTO */
    case 0x95: return skip(r, 8);       /* FRAME */
    case 'N': return push_new(r, (struct node){.kind = KIND_NONE});
    case 0x88: return push_new(r, (struct node){.kind = KIND_NUMBER, .number = 1}); /* NEWTRUE */
    case 0x89: return push_new(r, (struct node){.kind = KIND_NUMBER});              /* NEWFALSE */
    case 'J': return push_number(r, 4, true);                                       /* BININT */
    case 'K': return push_number(r, 1, false);                                      /* BININT1 */
    case 'M': return push_number(r, 2, false);                                      /* BININT2 */
    case 0x8a: return push_long(r);                                                 /* LONG1 */
    case 'G': return skip_fraction(r);                                              /* BINFLOAT */
    case 'X': return push_text(r, 4);                                               /* BINUNICODE */
    case 0x8c: return push_text(r, 1);                                              /* SHORT_BINUNICODE */
    case '(': return push_new(r, (struct node){.kind = KIND_MARK});
    case ')':
    case ']': return push_new(r, (struct node){.kind = KIND_SEQUENCE}); /* EMPTY_TUPLE, EMPTY_LIST */
    case '}': return push_new(r, (struct node){.kind = KIND_DICT});
    case 't': return make_marked_tuple(r);
    case 0x85: return make_tuple(r, 1);
    case 0x86: return make_tuple(r, 2);
    case 0x87: return make_tuple(r, 3);
    case 'a': return fill_with(r, KIND_SEQUENCE, 1);         /* APPEND */
    case 'e': return fill_behind_mark(r, KIND_SEQUENCE);     /* APPENDS */
    case 's': return fill_with(r, KIND_DICT, 2);             /* SETITEM */
    case 'u': return fill_behind_mark(r, KIND_DICT);         /* SETITEMS */
    case 'q': return keep_or_recall(r, 1, keep);             /* BINPUT */
    case 'r': return keep_or_recall(r, 4, keep);             /* LONG_BINPUT */
    case 0x94: return keep(r, (int64_t)r->memo_count);       /* MEMOIZE */
    case 'h': return keep_or_recall(r, 1, recall);           /* BINGET */
    case 'j': return keep_or_recall(r, 4, recall);           /* LONG_BINGET */
    case 'c': return read_name(r);                           /* GLOBAL */
    case 0x93: return read_stacked_name(r);                  /* STACK_GLOBAL */
    case 'Q': return read_storage(r);                        /* BINPERSID */
    case 'R':
    case 0x81: return call(r);                               /* REDUCE, NEWOBJ */
    case 0x92: return call_by_name(r);                       /* NEWOBJ_EX */
    case 'C': return skip_bytes(r, 1);                       /* SHORT_BINBYTES */
    case 'B': return skip_bytes(r, 4);                       /* BINBYTES */
    case 0x8f: return push_new(r, (struct node){.kind = KIND_SEQUENCE}); /* EMPTY_SET */
    case 0x90: return fill_behind_mark(r, KIND_SEQUENCE);    /* ADDITEMS */
    case 'b': return drop_state(r);                          /* BUILD */
    default: break;
    }
    return error_set(r->error, FOV_E_UNSUPPORTED,
                     "%s: pickle, byte %zu: instruction 0x%02x, which a state dict does not need: nothing was run. Save "
                     "model.state_dict() alone",
                     r->file, r->instruction, code);
}

static int run(struct reader *r, uint32_t *result)
{
    for (;;) {
        r->instruction = r->at;
        const uint8_t *code = take(r, 1);
        if (code == NULL) {
            return (int)r->error->status;
        }
        if (*code == '.') { /* STOP */
            *result = pop(r);
            return *result != 0 ? FOV_OK : (int)r->error->status;
        }
        int status = step(r, *code);
        if (status != FOV_OK) {
            return status;
        }
    }
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static size_t count_tensors(const struct reader *r, uint32_t dict)
{
    size_t count = 0;
    for (uint32_t key = r->nodes[dict].first; key != 0; key = r->cells[r->cells[key].next].next) {
        count += r->nodes[r->cells[r->cells[key].next].node].kind == KIND_TENSOR;
    }
    return count;
}

static int take_tensors(struct reader *r, uint32_t dict, struct torch_pickle *pickle)
{
    for (uint32_t key = r->nodes[dict].first; key != 0; key = r->cells[r->cells[key].next].next) {
        const struct node *name = &r->nodes[r->cells[key].node],
                          *value = &r->nodes[r->cells[r->cells[key].next].node];
        if (value->kind == KIND_OPAQUE) {
            return refuse_opaque(r, r->cells[r->cells[key].next].node, name);
        }
        if (value->kind != KIND_TENSOR) {
            continue;
        }
        if (name->kind != KIND_TEXT || memchr(name->text, '\0', name->length) != NULL) {
            return refuse(r, "a tensor's name is no text");
        }
        if (memory_grow(r->memory, (void **)&pickle->tensors, &pickle->capacity, pickle->count,
                        sizeof *pickle->tensors, "a pickle's tensors", r->error) != FOV_OK) {
            return (int)r->error->status;
        }
        struct torch_tensor tensor = r->tensors[value->number];
        tensor.name = memory_allocate(r->memory, name->length + 1, 1, "a tensor's name", r->error);
        if (tensor.name == NULL) {
            return (int)r->error->status;
        }
        memcpy(tensor.name, name->text, name->length);
        pickle->tensors[pickle->count++] = tensor;
    }
    return FOV_OK;
}

/* How common a key is for the state dict in a checkpoint (of training scripts, PyTorch Lightning, BasicSR): 1 is the
 * most common; 0: not a common one. */
static int rank_of(const struct node *name)
{
    static const char *const usual[] = {"state_dict", "model_state_dict", "model", "params_ema", "params", "net"};
    enum { USUAL = sizeof usual / sizeof *usual };
    for (int i = 0; i < USUAL && name->kind == KIND_TEXT; i++) {
        if (name->length == strlen(usual[i]) && memcmp(name->text, usual[i], name->length) == 0) {
            return 1 + i;
        }
    }
    return 0;
}

/* Finds the dict that holds the tensors: an inner dict with a common key (rank_of), else the whole if it holds tensors
 * itself, else the only inner dict that holds any. Inner dicts count only if they hold more tensors than the whole does
 * directly: a script may keep a few beside the state dict (the best accuracy). 0: there is none, or several. */
static uint32_t find_state(const struct reader *r, uint32_t whole)
{
    uint32_t found = 0, named = 0;
    size_t   dicts = 0, own = r->nodes[whole].kind == KIND_DICT ? count_tensors(r, whole) : 0;
    int      best = 0;
    for (uint32_t key = r->nodes[whole].kind == KIND_DICT ? r->nodes[whole].first : 0; key != 0;
         key = r->cells[r->cells[key].next].next) {
        uint32_t value = r->cells[r->cells[key].next].node;
        int      rank = rank_of(&r->nodes[r->cells[key].node]);
        if (r->nodes[value].kind != KIND_DICT || count_tensors(r, value) <= own) {
            continue;
        }
        found = value;
        dicts++;
        if (rank != 0 && (best == 0 || rank < best)) {
            best = rank;
            named = value;
        }
    }
    return named != 0 ? named : own > 0 ? whole : dicts == 1 ? found : 0;
}

int torch_pickle_read(struct torch_pickle *pickle, const char *name, const uint8_t *bytes, size_t size,
                      struct memory *memory, struct error *error)
{
    struct reader r = {.file = name, .bytes = bytes, .size = size, .memory = memory, .error = error};
    uint32_t      whole = 0;
    *pickle = (struct torch_pickle){0};
    int status = run(&r, &whole);
    if (status == FOV_OK) {
        uint32_t state = find_state(&r, whole);
        r.instruction = size;
        status = state != 0 ? take_tensors(&r, state, pickle)
                 : r.nodes[whole].kind == KIND_OPAQUE
                     ? refuse_opaque(&r, whole, NULL)
                     : refuse(&r, "it holds no dict of tensors, or several: save model.state_dict() alone");
    }
    memory_free(memory, r.nodes);
    memory_free(memory, r.cells);
    memory_free(memory, r.stack);
    memory_free(memory, r.memo);
    memory_free(memory, r.tensors);
    if (status != FOV_OK) {
        torch_pickle_free(pickle, memory);
    }
    return status;
}

void torch_pickle_free(struct torch_pickle *pickle, struct memory *memory)
{
    for (size_t i = 0; i < pickle->count; i++) {
        memory_free(memory, pickle->tensors[i].name);
    }
    memory_free(memory, pickle->tensors);
    *pickle = (struct torch_pickle){0};
}
