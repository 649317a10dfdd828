# Writes a file's Q4_1 tensors again as Q4_0, which is what llama.cpp has its fastest loops for.
import sys

import gguf
import numpy

reader = gguf.GGUFReader(sys.argv[1])
writer = gguf.GGUFWriter(sys.argv[2], reader.get_field(gguf.Keys.General.ARCHITECTURE).contents())
for field in reader.fields.values():
    if not field.name.startswith("GGUF.") and field.name != gguf.Keys.General.ARCHITECTURE:
        sub = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=sub)
for t in reader.tensors:
    if t.tensor_type == gguf.GGMLQuantizationType.Q4_1:
        weights = gguf.dequantize(t.data, t.tensor_type)
        data = gguf.quantize(weights.astype(numpy.float32), gguf.GGMLQuantizationType.Q4_0)
        writer.add_tensor(t.name, data, raw_dtype=gguf.GGMLQuantizationType.Q4_0)
    else:
        writer.add_tensor(t.name, t.data, raw_dtype=t.tensor_type)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
