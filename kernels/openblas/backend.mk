BACKENDS        += openblas
openblas_ABSENT := $(if $(filter /%,$(shell $(CC) -print-file-name=libopenblas.so)),,OpenBLAS is not installed (Debian: libopenblas-dev))
openblas_LDLIBS := -lopenblas
