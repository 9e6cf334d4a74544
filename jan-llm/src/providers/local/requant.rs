//! A reader that converts some tensors of a model file to another quantisation. The engine has no fast kernel for Q4_1,
//! Q5_0 and Q5_1; as Q8_0 the same model answers several times faster, with more memory and no visible loss.
//!
//! The engine's loaders take a header and a reader. So the header is changed: such a tensor is now Q8_0, at a position
//! after the end of the file. A seek to that position makes the reader convert the tensor and return its bytes. Only
//! one tensor at a time is held in both forms.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use candle_core::Device;
use candle_core::quantized::gguf_file::{Content, TensorInfo};
use candle_core::quantized::{GgmlDType, QTensor};

/// The type in which a tensor of type `stored` is held in memory.
pub(super) fn converted_type(stored: GgmlDType) -> GgmlDType {
    match stored {
        GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1 => GgmlDType::Q8_0,
        quick => quick,
    }
}

/// A reader over `file` that returns converted tensors.
pub(super) struct Requantised<R> {
    file: R,
    /// The tensors to convert, as they are in the file, by their position in the changed header.
    slow: BTreeMap<u64, TensorInfo>,
    data: u64,
    end: u64,
    /// The converted tensor at the position of the last seek, if there is one.
    open: Option<Cursor<Vec<u8>>>,
}

impl<R: Read + Seek> Requantised<R> {
    /// Changes the header in `content` and wraps the file.
    pub(super) fn new(mut file: R, content: &mut Content) -> io::Result<Self> {
        let mut end = file.seek(SeekFrom::End(0))?;
        let data = content.tensor_data_offset;
        let mut slow = BTreeMap::new();
        for tensor in content.tensor_infos.values_mut() {
            let converted = converted_type(tensor.ggml_dtype);
            if converted == tensor.ggml_dtype {
                continue;
            }
            let stored = TensorInfo {
                ggml_dtype: tensor.ggml_dtype,
                shape: tensor.shape.clone(),
                offset: tensor.offset,
            };
            slow.insert(end, stored);
            tensor.ggml_dtype = converted;
            tensor.offset = end.saturating_sub(data);
            let blocks = tensor.shape.elem_count() / converted.block_size();
            end += (blocks * converted.type_size()) as u64;
        }
        Ok(Self { file, slow, data, end, open: None })
    }
}

impl<R: Read + Seek> Read for Requantised<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.open {
            Some(tensor) => tensor.read(buf),
            None => self.file.read(buf),
        }
    }
}

impl<R: Read + Seek> Seek for Requantised<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.open = None;
        match to {
            SeekFrom::End(0) => Ok(self.end),
            SeekFrom::Start(place) => match self.slow.get(&place) {
                Some(tensor) => {
                    let stored =
                        tensor.read(&mut self.file, self.data, &Device::Cpu).map_err(io::Error::other)?;
                    self.open = Some(Cursor::new(to_q8(&stored).map_err(io::Error::other)?));
                    Ok(place)
                }
                None => self.file.seek(to),
            },
            SeekFrom::End(_) | SeekFrom::Current(_) => self.file.seek(to),
        }
    }
}

fn to_q8(stored: &QTensor) -> candle_core::Result<Vec<u8>> {
    let numbers = stored.dequantize(&Device::Cpu)?;
    Ok(QTensor::quantize(&numbers, GgmlDType::Q8_0)?.data()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::TensorType;
    use crate::gguf::memory::in_memory;
    use candle_core::Tensor;
    use candle_core::quantized::gguf_file;

    #[test]
    fn the_memory_estimate_knows_the_same_conversions() {
        use GgmlDType::{BF16, F16, F32, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
        let types = [F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2K, Q3K, Q4K, Q5K, Q6K, BF16];
        for (stored, number) in types.into_iter().zip([0, 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 30]) {
            let (name, block, size) = in_memory(TensorType(number)).layout().unwrap();
            let converted = converted_type(stored);
            assert_eq!(
                (block, size),
                (converted.block_size() as u64, converted.type_size() as u64),
                "{name}"
            );
        }
    }

    #[test]
    fn a_converted_tensor_is_q8_with_the_same_values() {
        let numbers = Tensor::arange(0f32, 128., &Device::Cpu).unwrap().reshape((2, 64)).unwrap();
        let slow = QTensor::quantize(&numbers, GgmlDType::Q5_1).unwrap();
        let plain = QTensor::quantize(&numbers, GgmlDType::F32).unwrap();
        let mut bytes = Cursor::new(Vec::new());
        gguf_file::write(&mut bytes, &[], &[("slow", &slow), ("plain", &plain)]).unwrap();

        bytes.set_position(0);
        let mut content = Content::read(&mut bytes).unwrap();
        let mut reader = Requantised::new(bytes, &mut content).unwrap();
        let mut read = |name| content.tensor(&mut reader, name, &Device::Cpu).unwrap();
        let (quick, plain) = (read("slow"), read("plain"));
        assert_eq!((quick.dtype(), plain.dtype()), (GgmlDType::Q8_0, GgmlDType::F32));
        let values = |t: &QTensor| {
            t.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        for (a, b) in values(&quick).iter().zip(values(&slow)) {
            assert!((a - b).abs() < 0.5, "{a} is not {b}");
        }
        assert_eq!(values(&plain)[127], 127.);
    }
}
