//! A reader that shows some tensors of a model file in another quantisation. Q4_1, Q5_0 and Q5_1 have no fast kernel
//! in the engine; read as Q8_0 the same model answers several times faster, for more memory and no visible loss.
//!
//! The engine's loaders want a header and a reader, so the header is edited (the tensor is now Q8_0 and lies behind
//! the end of the file) and the reader answers for that place. Only one tensor at a time is held twice.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use candle_core::Device;
use candle_core::quantized::gguf_file::{Content, TensorInfo};
use candle_core::quantized::{GgmlDType, QTensor};

/// The type in which a tensor of type `stored` is kept in memory.
pub(super) fn kept_as(stored: GgmlDType) -> GgmlDType {
    match stored {
        GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1 => GgmlDType::Q8_0,
        quick => quick,
    }
}

/// See the module.
pub(super) struct Requantised<R> {
    file: R,
    /// The slow tensors as they lie in the file, by the place where the edited header says they are.
    slow: BTreeMap<u64, TensorInfo>,
    data: u64,
    end: u64,
    /// The tensor that was sought last, if it was a slow one.
    open: Option<Cursor<Vec<u8>>>,
}

impl<R: Read + Seek> Requantised<R> {
    /// Edits `content` and wraps its `file`.
    pub(super) fn new(mut file: R, content: &mut Content) -> io::Result<Self> {
        let mut end = file.seek(SeekFrom::End(0))?;
        let data = content.tensor_data_offset;
        let mut slow = BTreeMap::new();
        for tensor in content.tensor_infos.values_mut() {
            let kept = kept_as(tensor.ggml_dtype);
            if kept == tensor.ggml_dtype {
                continue;
            }
            let stored = TensorInfo {
                ggml_dtype: tensor.ggml_dtype,
                shape: tensor.shape.clone(),
                offset: tensor.offset,
            };
            slow.insert(end, stored);
            tensor.ggml_dtype = kept;
            tensor.offset = end.saturating_sub(data);
            let blocks = tensor.shape.elem_count() / kept.block_size();
            end += (blocks * kept.type_size()) as u64;
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
    use crate::gguf::memory::kept;
    use candle_core::Tensor;
    use candle_core::quantized::gguf_file;

    #[test]
    fn memory_is_counted_for_the_type_that_is_kept() {
        use GgmlDType::{BF16, F16, F32, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
        let types = [F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2K, Q3K, Q4K, Q5K, Q6K, BF16];
        for (stored, number) in types.into_iter().zip([0, 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 30]) {
            let (name, block, size) = kept(TensorType(number)).layout().unwrap();
            let kept = kept_as(stored);
            assert_eq!((block, size), (kept.block_size() as u64, kept.type_size() as u64), "{name}");
        }
    }

    #[test]
    fn a_slow_tensor_reads_as_q8_and_says_the_same() {
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
