# oneDNN 3 has another interface. libgomp is the threading of Debian's oneDNN: we tell it to leave
# threads to us.
hash            := \#
onednn_VERSION  := $(lastword $(shell echo '$(hash)include <oneapi/dnnl/dnnl_version.h>' | \
                     $(CC) -E -dM - 2>/dev/null | grep 'define DNNL_VERSION_MAJOR '))
BACKENDS        += onednn
onednn_ABSENT   := $(if $(filter /%,$(shell $(CC) -print-file-name=libdnnl.so)),$(if \
                     $(filter 2,$(onednn_VERSION)),,oneDNN here is not version 2),oneDNN is not \
                     installed (Debian: libdnnl-dev))
onednn_LDLIBS   := -ldnnl -lgomp
