/* SPDX-License-Identifier: MIT */
/* HDF5 through libhdf5, which reads from the bytes that are in memory already and makes no copy of them. Soft and
 * external links, data in other files, virtual datasets and filters that would need a plugin are refused before they
 * are opened; so are global heaps whose lengths would make libhdf5 read past their end. Debian's libhdf5 is not
 * thread-safe: a lock is held while a file is read. */
#include "io/hdf5.h"
#include "base/library.h"
#include "base/size.h"
#include "base/text.h"
#include "io/safetensors_types.h"
#include <stdlib.h>
#include <string.h>

bool hdf5_begins(const uint8_t *bytes, size_t size)
{
    return size >= 8 && memcmp(bytes, "\x89HDF\r\n\x1a\n", 8) == 0;
}

void hdf5_free(struct hdf5_content *content)
{
    if (content->memory == NULL) {
        return;
    }
    for (size_t i = 0; i < content->count; i++) {
        memory_free(content->memory, content->datasets[i].path);
        memory_free(content->memory, content->datasets[i].label);
    }
    memory_free(content->memory, content->datasets);
    memory_free(content->memory, content->block);
    *content = (struct hdf5_content){0};
}

#ifdef FOVEA_HAVE_HDF5
#include <hdf5.h>
#include <pthread.h>
#include <stdio.h>

/* The functions of libhdf5 that are called, and one of its constants, which the library keeps in a variable. */
struct hdf5_library {
    herr_t (*open)(void);
    herr_t (*free_memory)(void *);
    herr_t (*error_get)(hid_t, H5E_auto2_t *, void **);
    herr_t (*error_set)(hid_t, H5E_auto2_t, void *);
    hid_t (*list_create)(hid_t);
    herr_t (*list_close)(hid_t);
    herr_t (*list_core)(hid_t, size_t, hbool_t);
    herr_t (*list_callbacks)(hid_t, H5FD_file_image_callbacks_t *);
    herr_t (*list_image)(hid_t, void *, size_t);
    int (*list_externals)(hid_t);
    int (*list_filters)(hid_t);
    H5Z_filter_t (*list_filter)(hid_t, unsigned, unsigned *, size_t *, unsigned *, size_t, char *, unsigned *);
    H5D_layout_t (*list_layout)(hid_t);
    hid_t (*file_open)(const char *, unsigned, hid_t);
    herr_t (*file_close)(hid_t);
    hid_t (*object_open)(hid_t, const char *, hid_t);
    herr_t (*object_close)(hid_t);
    H5I_type_t (*object_type)(hid_t);
    herr_t (*group_info)(hid_t, H5G_info_t *);
    ssize_t (*link_name)(hid_t, const char *, H5_index_t, H5_iter_order_t, hsize_t, char *, size_t, hid_t);
    herr_t (*link_info)(hid_t, const char *, H5L_info_t *, hid_t);
    hid_t (*data_space)(hid_t);
    hid_t (*data_type)(hid_t);
    hid_t (*data_list)(hid_t);
    herr_t (*data_read)(hid_t, hid_t, hid_t, hid_t, hid_t, void *);
    herr_t (*space_close)(hid_t);
    H5S_class_t (*space_class)(hid_t);
    int (*space_dims)(hid_t, hsize_t *, hsize_t *);
    int (*space_rank)(hid_t);
    herr_t (*type_close)(hid_t);
    H5T_class_t (*type_class)(hid_t);
    size_t (*type_size)(hid_t);
    H5T_order_t (*type_order)(hid_t);
    H5T_sign_t (*type_sign)(hid_t);
    herr_t (*type_fields)(hid_t, size_t *, size_t *, size_t *, size_t *, size_t *);
    size_t (*type_bias)(hid_t);
    htri_t (*type_varies)(hid_t);
    hid_t (*type_native)(hid_t, H5T_direction_t);
    htri_t (*text_exists)(hid_t, const char *);
    hid_t (*text_open)(hid_t, const char *, hid_t);
    hid_t (*text_type)(hid_t);
    hid_t (*text_space)(hid_t);
    herr_t (*text_read)(hid_t, hid_t, void *);
    herr_t (*text_close)(hid_t);
    hid_t *file_access; /* the class of property lists that say how a file is opened */
};

/* Some names are macros for the newest version of a function: the name that the macro expands to is looked up. */
#define HDF5_FUNCTION(member, function) LIBRARY_FUNCTION(struct hdf5_library, member, function)

static const struct library_function hdf5_functions[] = {
    HDF5_FUNCTION(open, H5open),
    HDF5_FUNCTION(free_memory, H5free_memory),
    HDF5_FUNCTION(error_get, H5Eget_auto2),
    HDF5_FUNCTION(error_set, H5Eset_auto2),
    HDF5_FUNCTION(list_create, H5Pcreate),
    HDF5_FUNCTION(list_close, H5Pclose),
    HDF5_FUNCTION(list_core, H5Pset_fapl_core),
    HDF5_FUNCTION(list_callbacks, H5Pset_file_image_callbacks),
    HDF5_FUNCTION(list_image, H5Pset_file_image),
    HDF5_FUNCTION(list_externals, H5Pget_external_count),
    HDF5_FUNCTION(list_filters, H5Pget_nfilters),
    HDF5_FUNCTION(list_filter, H5Pget_filter2),
    HDF5_FUNCTION(list_layout, H5Pget_layout),
    HDF5_FUNCTION(file_open, H5Fopen),
    HDF5_FUNCTION(file_close, H5Fclose),
    HDF5_FUNCTION(object_open, H5Oopen),
    HDF5_FUNCTION(object_close, H5Oclose),
    HDF5_FUNCTION(object_type, H5Iget_type),
    HDF5_FUNCTION(group_info, H5Gget_info),
    HDF5_FUNCTION(link_name, H5Lget_name_by_idx),
    HDF5_FUNCTION(link_info, H5Lget_info),
    HDF5_FUNCTION(data_space, H5Dget_space),
    HDF5_FUNCTION(data_type, H5Dget_type),
    HDF5_FUNCTION(data_list, H5Dget_create_plist),
    HDF5_FUNCTION(data_read, H5Dread),
    HDF5_FUNCTION(space_close, H5Sclose),
    HDF5_FUNCTION(space_class, H5Sget_simple_extent_type),
    HDF5_FUNCTION(space_dims, H5Sget_simple_extent_dims),
    HDF5_FUNCTION(space_rank, H5Sget_simple_extent_ndims),
    HDF5_FUNCTION(type_close, H5Tclose),
    HDF5_FUNCTION(type_class, H5Tget_class),
    HDF5_FUNCTION(type_size, H5Tget_size),
    HDF5_FUNCTION(type_order, H5Tget_order),
    HDF5_FUNCTION(type_sign, H5Tget_sign),
    HDF5_FUNCTION(type_fields, H5Tget_fields),
    HDF5_FUNCTION(type_bias, H5Tget_ebias),
    HDF5_FUNCTION(type_varies, H5Tis_variable_str),
    HDF5_FUNCTION(type_native, H5Tget_native_type),
    HDF5_FUNCTION(text_exists, H5Aexists),
    HDF5_FUNCTION(text_open, H5Aopen),
    HDF5_FUNCTION(text_type, H5Aget_type),
    HDF5_FUNCTION(text_space, H5Aget_space),
    HDF5_FUNCTION(text_read, H5Aread),
    HDF5_FUNCTION(text_close, H5Aclose),
    HDF5_FUNCTION(file_access, H5P_CLS_FILE_ACCESS_ID_g),
    {NULL, 0},
};

/* libhdf5 has one state for the whole process. */
static pthread_mutex_t hdf5_lock = PTHREAD_MUTEX_INITIALIZER;

struct reading {
    struct hdf5_library call;
    struct hdf5_content *content;
    const char *name;
    const char *const *left_out;
    struct memory *memory;
    struct error *error;
    size_t visited; /* groups and datasets so far: limited, as hard links may form a cycle */
    size_t bytes;   /* of all datasets together, each padded to a multiple of HDF5_ALIGNMENT */
};

static int damaged(const struct reading *r, const char *path)
{
    char clean[200];
    return error_set(r->error, FOV_E_INPUT, "%s: \"%s\": the HDF5 file is damaged or cut off", r->name,
                     text_escape(clean, sizeof clean, path));
}

static int refuse(const struct reading *r, const char *path, const char *what)
{
    char clean[200];
    return error_set(r->error, FOV_E_UNSUPPORTED, "%s: \"%s\" %s", r->name, text_escape(clean, sizeof clean, path),
                     what);
}

/* ---- the bytes as a file: libhdf5 asks for a copy, and is handed the original bytes ---------------------------- */

struct image {
    void *bytes;
    size_t size;
};

static void *image_allocate(size_t size, H5FD_file_image_op_t unused, void *user)
{
    const struct image *image = user;
    (void)unused;
    return size == image->size ? image->bytes : NULL;
}

static void *image_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t unused, void *user)
{
    const struct image *image = user;
    (void)unused;
    return to == image->bytes && from == image->bytes && size == image->size ? to : NULL;
}

static void *image_resize(void *unused, size_t size, H5FD_file_image_op_t operation, void *user)
{
    (void)unused, (void)size, (void)operation, (void)user;
    return NULL; /* nothing is written */
}

static herr_t image_release(void *unused, H5FD_file_image_op_t operation, void *user)
{
    (void)unused, (void)operation, (void)user;
    return 0;
}

static void *image_same(void *user)
{
    return user;
}

static herr_t image_forget(void *unused)
{
    (void)unused;
    return 0;
}

/* ---- global heaps: where libhdf5 keeps strings of variable length ---------------------------------------------- */

/* A number of `count` bytes, at most 8, little-endian. */
static uint64_t number_at(const uint8_t *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++) {
        number |= (uint64_t)bytes[i] << 8 * i;
    }
    return number;
}

enum { HEAP_HEAD = 16 }; /* bytes of the header of a heap, and of each object in it */

/* Whether all objects of a heap of `size` bytes end within it. The heap has a header of 16 bytes; then come objects
 * (strings), each with a header of 16 bytes (index, 2 bytes; length, from byte 8 on) and padded to a multiple of 8.
 * Index 0 is the free space, whose length includes its header. *left: how many objects the heaps of the file can still
 * have; false, too, where this heap has more. */
static bool heap_is_whole(const uint8_t *heap, uint64_t size, size_t length_bytes, size_t *left)
{
    enum { HEAD = HEAP_HEAD };
    uint64_t at = HEAD;
    while (at + HEAD <= size) {
        if ((*left)-- == 0) {
            return false;
        }
        uint64_t number = number_at(heap + at, 2), length = number_at(heap + at + 8, length_bytes);
        uint64_t room = size - at, needed = number > 0 ? HEAD + (length + 7) / 8 * 8 : length;
        if (length > room || needed > room || needed < HEAD) {
            return false;
        }
        at += needed;
    }
    return size >= HEAD;
}

/* libhdf5 1.10.8 trusts these lengths: one that reaches past its heap crashes the process, and free space of length 0
 * is an endless loop. So every heap of the file is checked first. A heap is found by its first 8 bytes at any offset;
 * at each offset, data look like that by chance with a probability of 2^-64. Heaps do not overlap, so that all of them
 * together have at most one object per 16 bytes of the file: without this limit, heaps made to overlap would take time
 * that grows with the square of the file's size. */
static bool heaps_are_whole(const uint8_t *bytes, size_t size)
{
    static const uint8_t head[8] = {'G', 'C', 'O', 'L', 1, 0, 0, 0};
    enum { LEAST = 24, VERSION_AT = 8 };
    size_t length_bytes = size < LEAST ? 0 : bytes[VERSION_AT] < 2 ? bytes[14] : bytes[10]; /* from the superblock */
    if (length_bytes != 2 && length_bytes != 4 && length_bytes != 8) {
        return size < LEAST; /* libhdf5 itself refuses a file too short for its superblock */
    }
    size_t left = size / HEAP_HEAD;
    for (size_t at = 0; at + LEAST <= size; at++) {
        const uint8_t *found = memchr(bytes + at, head[0], size - LEAST + 1 - at);
        if (found == NULL) {
            return true;
        }
        at = (size_t)(found - bytes);
        if (memcmp(found, head, sizeof head) == 0) {
            uint64_t length = number_at(found + sizeof head, length_bytes);
            if (length > size - at || !heap_is_whole(found, length, length_bytes, &left)) {
                return false;
            }
        }
    }
    return true;
}

static hid_t open_image(const struct reading *r, struct image *image)
{
    static const char nowhere[] = "/dev/null/bytes"; /* libhdf5 needs a name; no file can have this one */
    H5FD_file_image_callbacks_t callbacks = {image_allocate, image_copy,   image_resize, image_release,
                                             image_same,     image_forget, image};
    hid_t list = r->call.list_create(*r->call.file_access), file = -1;
    if (list >= 0 && r->call.list_core(list, 1 << 16, 0) >= 0 && r->call.list_callbacks(list, &callbacks) >= 0 &&
        r->call.list_image(list, image->bytes, image->size) >= 0) {
        file =
            r->call.file_open(nowhere, 0, list); /* 0 is H5F_ACC_RDONLY, a macro that would call into the library */
    }
    if (list >= 0) {
        r->call.list_close(list);
    }
    return file;
}

/* ---- string attributes ----------------------------------------------------------------------------------------- */

/* Copies the single string, of fixed or variable length, that an open attribute holds. */
static int copy_text(const struct reading *r, hid_t attribute, hid_t type, const char *path, char **text)
{
    char *varying = NULL, *found = NULL;
    size_t size = r->call.type_size(type);
    bool varies = r->call.type_varies(type) > 0;
    int status = FOV_OK;
    if (r->call.type_class(type) != H5T_STRING || (!varies && size > HDF5_MOST_TEXT)) {
        return FOV_OK; /* not a string: treated as if the attribute were absent */
    }
    if (varies) {
        hid_t native = r->call.type_native(type, H5T_DIR_DEFAULT);
        status = native >= 0 && r->call.text_read(attribute, native, &varying) >= 0 ? FOV_OK : damaged(r, path);
        if (native >= 0) {
            r->call.type_close(native);
        }
        if (status == FOV_OK && varying != NULL) {
            size_t length = strnlen(varying, HDF5_MOST_TEXT);
            found = length < HDF5_MOST_TEXT ? memory_copy_text(r->memory, varying, r->error) : NULL;
            status = found != NULL             ? FOV_OK
                     : length < HDF5_MOST_TEXT ? FOV_E_MEMORY
                                               : refuse(r, path, "has a text of more than 64 MiB");
        }
        r->call.free_memory(varying);
    } else {
        found = memory_allocate(r->memory, size + 1, 1, "a text", r->error);
        status = found == NULL                                    ? FOV_E_MEMORY
                 : r->call.text_read(attribute, type, found) >= 0 ? FOV_OK
                                                                  : damaged(r, path);
    }
    *text = found;
    return status;
}

/* Sets *text to the string attribute `key` of an open object; NULL where it has none. */
static int read_text(const struct reading *r, hid_t object, const char *key, const char *path, char **text)
{
    *text = NULL;
    if (r->call.text_exists(object, key) <= 0) {
        return FOV_OK;
    }
    hid_t attribute = r->call.text_open(object, key, 0);
    hid_t type = attribute >= 0 ? r->call.text_type(attribute) : -1;
    hid_t space = attribute >= 0 ? r->call.text_space(attribute) : -1;
    bool is_one = space >= 0 && r->call.space_class(space) == H5S_SCALAR;
    int status = type < 0 || space < 0 ? damaged(r, path) : is_one ? copy_text(r, attribute, type, path, text) : FOV_OK;
    if (space >= 0) {
        r->call.space_close(space);
    }
    if (type >= 0) {
        r->call.type_close(type);
    }
    if (attribute >= 0) {
        r->call.text_close(attribute);
    }
    return status;
}

/* ---- datasets -------------------------------------------------------------------------------------------------- */

/* The safetensors name of a type: little-endian integers, IEEE 754's half, single and double, and bfloat16; NULL:
 * another type. */
static const char *type_name(const struct reading *r, hid_t type)
{
    size_t size = r->call.type_size(type), sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, bits = 0;
    H5T_class_t class = r->call.type_class(type);
    if (size > 1 && r->call.type_order(type) != H5T_ORDER_LE) {
        return NULL;
    }
    if (class == H5T_INTEGER) {
        bool is_signed = r->call.type_sign(type) == H5T_SGN_2;
        switch (size) {
        case 1:
            return is_signed ? "I8" : "U8";
        case 2:
            return is_signed ? "I16" : "U16";
        case 4:
            return is_signed ? "I32" : "U32";
        case 8:
            return is_signed ? "I64" : "U64";
        default:
            return NULL;
        }
    }
    if (class != H5T_FLOAT || r->call.type_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &bits) < 0 ||
        mantissa != 0 || exponent != bits || sign != bits + exponent_bits || sign + 1 != 8 * size) {
        return NULL;
    }
    size_t bias = r->call.type_bias(type);
    return size == 2 && bits == 10 && bias == 15     ? "F16"
           : size == 2 && bits == 7 && bias == 127   ? "BF16"
           : size == 4 && bits == 23 && bias == 127  ? "F32"
           : size == 8 && bits == 52 && bias == 1023 ? "F64"
                                                     : NULL;
}

/* Refuses datasets stored outside the file, or with filters other than those built into every libhdf5. */
static int check_storage(const struct reading *r, hid_t data, const char *path)
{
    hid_t list = r->call.data_list(data);
    int status = list < 0 ? damaged(r, path) : FOV_OK;
    if (status == FOV_OK && r->call.list_layout(list) == H5D_VIRTUAL) {
        status = refuse(r, path, "is put together of other datasets, which is not read");
    }
    if (status == FOV_OK && r->call.list_layout(list) != H5D_CHUNKED && r->call.list_externals(list) != 0) {
        status = refuse(r, path, "lies in another file, which is not followed");
    }
    int filters = status == FOV_OK && r->call.list_layout(list) == H5D_CHUNKED ? r->call.list_filters(list) : 0;
    for (int i = 0; i < filters && status == FOV_OK; i++) {
        unsigned flags = 0, settings = 0;
        size_t count = 0;
        H5Z_filter_t filter = r->call.list_filter(list, (unsigned)i, &flags, &count, NULL, 0, NULL, &settings);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32) {
            status = refuse(r, path, "is packed in a way that is not read: deflate is");
        }
    }
    if (list >= 0) {
        r->call.list_close(list);
    }
    return status;
}

/* Appends a dataset to the list: its path, label, type, shape and size; its elements are read later (read_numbers). */
static int add_dataset(struct reading *r, hid_t data, const char *path, const char *label)
{
    struct hdf5_content *content = r->content;
    hsize_t dims[H5S_MAX_RANK] = {0};
    char shape[SHAPE_TEXT_SIZE];
    int status = memory_grow(r->memory, (void **)&content->datasets, &content->capacity, content->count,
                             sizeof *content->datasets, "a list of datasets", r->error);
    status = status == FOV_OK ? check_storage(r, data, path) : status;
    if (status != FOV_OK) {
        return status;
    }
    struct hdf5_dataset *set = &content->datasets[content->count];
    *set = (struct hdf5_dataset){0};
    hid_t space = r->call.data_space(data), type = r->call.data_type(data);
    H5S_class_t class = space >= 0 ? r->call.space_class(space) : H5S_NO_CLASS;
    int rank = space >= 0 ? r->call.space_rank(space) : -1;
    set->type = type >= 0 ? type_name(r, type) : NULL;
    if (space < 0 || type < 0 || rank < 0 || rank > H5S_MAX_RANK) {
        status = damaged(r, path);
    } else if (set->type == NULL) {
        status =
            refuse(r, path, "holds numbers of a type that is not read: floats and whole numbers are, little-endian");
    } else if (class == H5S_NULL || rank > FOV_MAX_RANK) {
        status = refuse(r, path, "has a shape that is not read: at most 8 dimensions");
    } else if (r->call.space_dims(space, dims, NULL) != rank) {
        status = damaged(r, path);
    }
    if (space >= 0) {
        r->call.space_close(space);
    }
    if (type >= 0) {
        r->call.type_close(type);
    }
    size_t elements = 0, bytes = 0;
    bool fits = status == FOV_OK;
    set->shape.rank = rank;
    for (int i = 0; i < rank && fits; i++) {
        fits = dims[i] <= INT64_MAX;
        set->shape.dim[i] = (int64_t)(fits ? dims[i] : 0);
    }
    fits = fits && shape_count(&set->shape, &elements) &&
           size_multiply(elements, safetensors_type_named(set->type)->bits / 8, &set->bytes) &&
           size_add(set->bytes, HDF5_ALIGNMENT - 1, &bytes) &&
           size_add(r->bytes, bytes / HDF5_ALIGNMENT * HDF5_ALIGNMENT, &r->bytes);
    if (status == FOV_OK && !fits) {
        status =
            error_set(r->error, FOV_E_INPUT, "%s: size overflow in shape %s", r->name, shape_text(&set->shape, shape));
    }
    if (status == FOV_OK) {
        set->path = memory_copy_text(r->memory, path, r->error);
        set->label = label != NULL ? memory_copy_text(r->memory, label, r->error) : NULL;
        content->count++;
        status = set->path == NULL || (label != NULL && set->label == NULL) ? FOV_E_MEMORY : FOV_OK;
    }
    return status;
}

/* ---- groups ---------------------------------------------------------------------------------------------------- */

static bool is_left_out(const struct reading *r, const char *name)
{
    for (const char *const *next = r->left_out; *next != NULL; next++) {
        if (strcmp(*next, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether `name` can be a link's. libhdf5 lists whatever the file holds, but takes "/" in a name that it looks up as a
 * separator, and "." as the group itself: such a link would be one object in its group, another by its path. */
static bool is_link_name(const char *name)
{
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int walk(struct reading *r, hid_t group, int depth, const char *path, const char *label);

/* Follows the link `name` of a group: adds a dataset, or walks through a group. `label` is that of the group around. */
static int follow(struct reading *r, hid_t group, int depth, const char *name, const char *path, const char *label)
{
    H5L_info_t link;
    if (r->call.link_info(group, name, &link, 0) < 0) {
        return damaged(r, path);
    }
    if (link.type != H5L_TYPE_HARD) {
        return refuse(r, path, "is a link to elsewhere, which is not followed");
    }
    if (++r->visited > HDF5_MOST_DATASETS) {
        return refuse(r, path, "comes after 100000 others: links that lead round in a circle?");
    }
    hid_t object = r->call.object_open(group, name, 0);
    if (object < 0) {
        return damaged(r, path);
    }
    char *own = NULL;
    H5I_type_t type = r->call.object_type(object);
    int status = type == H5I_GROUP ? read_text(r, object, "name", path, &own) : FOV_OK;
    if (status == FOV_OK && type == H5I_GROUP) {
        status = walk(r, object, depth + 1, path, own);
    } else if (status == FOV_OK && type == H5I_DATASET) {
        status = add_dataset(r, object, path, label);
    }
    memory_free(r->memory, own);
    r->call.object_close(object);
    return status;
}

static int walk(struct reading *r, hid_t group, int depth, const char *path, const char *label)
{
    H5G_info_t info;
    char name[HDF5_MOST_PATH], inner[HDF5_MOST_PATH];
    if (depth > HDF5_MOST_DEPTH) {
        return refuse(r, path, "lies deeper than 32 groups");
    }
    if (r->call.group_info(group, &info) < 0) {
        return damaged(r, path);
    }
    int status = FOV_OK;
    for (hsize_t i = 0; i < info.nlinks && status == FOV_OK; i++) {
        ssize_t length = r->call.link_name(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, 0);
        if (length < 0) {
            return damaged(r, path);
        }
        if (!is_link_name(name)) {
            return refuse(r, name, "is not a name that a link can have");
        }
        if (depth == 0 && is_left_out(r, name)) {
            continue;
        }
        int written = snprintf(inner, sizeof inner, "%s%s%s", path, *path != '\0' ? "/" : "", name);
        if (length >= (ssize_t)sizeof name || written < 0 || (size_t)written >= sizeof inner) {
            return refuse(r, path, "holds a name of more than 1000 bytes");
        }
        status = follow(r, group, depth, name, inner, label);
    }
    return status;
}

/* Whether an open dataset has the type and shape with which add_dataset listed it, so that the memory reserved for its
 * elements holds them. */
static bool is_as_listed(const struct reading *r, hid_t data, hid_t type, const struct hdf5_dataset *set)
{
    hsize_t dims[H5S_MAX_RANK] = {0};
    hid_t space = r->call.data_space(data);
    const char *name = type_name(r, type);
    bool same = space >= 0 && name != NULL && strcmp(name, set->type) == 0 &&
                r->call.space_rank(space) == set->shape.rank &&
                r->call.space_dims(space, dims, NULL) == set->shape.rank;
    for (int i = 0; i < set->shape.rank && same; i++) {
        same = dims[i] == (hsize_t)set->shape.dim[i];
    }
    if (space >= 0) {
        r->call.space_close(space);
    }
    return same;
}

static int read_numbers(const struct reading *r, hid_t file)
{
    struct hdf5_content *content = r->content;
    size_t used = 0;
    content->block = memory_allocate_raw(r->memory, r->bytes, 1, "the numbers of an HDF5 file", r->error);
    int status = content->block != NULL ? FOV_OK : FOV_E_MEMORY;
    for (size_t i = 0; i < content->count && status == FOV_OK; i++) {
        struct hdf5_dataset *set = &content->datasets[i];
        hid_t data = r->call.object_open(file, set->path, 0), type = data >= 0 ? r->call.data_type(data) : -1;
        if (type < 0 || !is_as_listed(r, data, type, set) ||
            (set->bytes > 0 && r->call.data_read(data, type, H5S_ALL, H5S_ALL, 0, content->block + used) < 0)) {
            status = damaged(r, set->path);
        }
        set->data = content->block + used;
        used += size_round_up(set->bytes, HDF5_ALIGNMENT);
        if (type >= 0) {
            r->call.type_close(type);
        }
        if (data >= 0) {
            r->call.object_close(data);
        }
    }
    return status;
}

static int compare_path(const void *a, const void *b)
{
    const struct hdf5_dataset *left = a, *right = b;
    return strcmp(left->path, right->path);
}

static int read_file(struct reading *r, struct image *image)
{
    hid_t file = heaps_are_whole(image->bytes, image->size) ? open_image(r, image) : -1;
    if (file < 0) {
        return error_set(r->error, FOV_E_INPUT, "%s: the HDF5 file is damaged or cut off", r->name);
    }
    hid_t root = r->call.object_open(file, "/", 0);
    int status = root < 0 ? damaged(r, "/") : walk(r, root, 0, "", NULL);
    status = status == FOV_OK ? read_numbers(r, file) : status;
    if (root >= 0) {
        r->call.object_close(root);
    }
    r->call.file_close(file);
    if (status == FOV_OK && r->content->count > 0) {
        qsort(r->content->datasets, r->content->count, sizeof *r->content->datasets, compare_path);
    }
    return status;
}

int hdf5_read(struct hdf5_content *content, const char *name, const uint8_t *bytes, size_t size,
              const char *const *left_out, struct memory *memory, struct error *error)
{
    struct reading r = {.content = content, .name = name, .left_out = left_out, .memory = memory, .error = error};
    struct image image = {(void *)(uintptr_t)bytes, size};
    H5E_auto2_t print = NULL;
    void *user = NULL;
    *content = (struct hdf5_content){.memory = memory};
    pthread_mutex_lock(&hdf5_lock);
    int status = library_open(FOVEA_HDF5_FILE, "libhdf5-103-1", hdf5_functions, &r.call, error);
    if (status == FOV_OK && (r.call.open() < 0 || r.call.error_get(0, &print, &user) < 0)) {
        status = error_set(error, FOV_E_UNSUPPORTED, "%s: libhdf5 does not start", name);
    } else if (status == FOV_OK) {
        r.call.error_set(0, NULL, NULL); /* by default libhdf5 prints errors to stderr */
        status = read_file(&r, &image);
        r.call.error_set(0, print, user);
    } else {
        error_prefix(error, "%s: it is HDF5", name);
    }
    pthread_mutex_unlock(&hdf5_lock);
    return status;
}
#else
int hdf5_read(struct hdf5_content *content, const char *name, const uint8_t *bytes, size_t size,
              const char *const *left_out, struct memory *memory, struct error *error)
{
    (void)bytes, (void)size, (void)left_out;
    *content = (struct hdf5_content){.memory = memory};
    return error_set(error, FOV_E_UNSUPPORTED,
                     "%s: it is HDF5, as Keras saves weights, which this build leaves out: build fovea with libhdf5 "
                     "(-DFOVEA_WITH_HDF5=ON), or export the model to ONNX (tf2onnx)",
                     name);
}
#endif
