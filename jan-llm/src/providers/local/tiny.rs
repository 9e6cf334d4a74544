//! Tests with a tiny model file of every architecture. The weights are pseudo-random with a fixed seed, so the answers
//! are meaningless, but the tests show whether a prompt fed in pieces, a prompt that continues a cached chat, and one
//! after a cleared cache give the same logits.

use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

use super::engine::{Engine, longest_context};
use super::gguf::Gguf;

const WIDTH: usize = 64;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const HEAD: usize = WIDTH / HEADS;
const INNER: usize = 96;
const WORDS: usize = 50;
const LAYERS: usize = 2;

/// The shapes of a layer's tensors.
fn layer(arch: &str, index: usize) -> Vec<(&'static str, Vec<usize>)> {
    let mut tensors = vec![
        ("attn_norm", vec![WIDTH]),
        ("ffn_norm", vec![WIDTH]),
        ("ffn_down", vec![WIDTH, INNER]),
        ("attn_q", vec![WIDTH, WIDTH]),
        ("attn_k", vec![KV_HEADS * HEAD, WIDTH]),
        ("attn_v", vec![KV_HEADS * HEAD, WIDTH]),
        ("attn_output", vec![WIDTH, WIDTH]),
    ];
    match arch {
        // Gate and up are one tensor here.
        "phi3" | "glm4" => tensors.push(("ffn_up", vec![2 * INNER, WIDTH])),
        _ => tensors.extend([("ffn_up", vec![INNER, WIDTH]), ("ffn_gate", vec![INNER, WIDTH])]),
    }
    match arch {
        "phi3" => tensors.push(("attn_qkv", vec![WIDTH + 2 * KV_HEADS * HEAD, WIDTH])),
        "qwen3" | "gemma3" | "lfm2" => {
            tensors.extend([("attn_q_norm", vec![HEAD]), ("attn_k_norm", vec![HEAD])])
        }
        _ => {}
    }
    if matches!(arch, "gemma3" | "glm4") {
        tensors.extend([("post_attention_norm", vec![WIDTH]), ("post_ffw_norm", vec![WIDTH])]);
    }
    if arch == "lfm2" && index == 0 {
        tensors.extend([
            ("shortconv.in_proj", vec![3 * WIDTH, WIDTH]),
            ("shortconv.out_proj", vec![WIDTH, WIDTH]),
            ("shortconv.conv", vec![WIDTH, 3]),
        ]);
    }
    tensors
}

/// Pseudo-random numbers between -1 and 1 with approximately a normal distribution. Candle's generator has no fixed
/// seed, and with some of its weights rounding errors grow so much that two equivalent computations differ.
struct Random(u64);

impl Random {
    fn draw(&mut self) -> f32 {
        let mut uniform = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 40) as f32 / (1u64 << 24) as f32
        };
        (0..4).map(|_| uniform()).sum::<f32>() / 2. - 1.
    }
}

fn write(folder: &Path, arch: &str) -> PathBuf {
    write_with(folder, arch, &[], |_, shape| Some(shape))
}

/// Like [`write`], with header values replaced by `over`, and tensors reshaped or left out by `reshaped`.
fn write_with(
    folder: &Path,
    arch: &str,
    over: &[(&str, Value)],
    reshaped: impl Fn(&str, Vec<usize>) -> Option<Vec<usize>>,
) -> PathBuf {
    let mut generator = Random(0x9E37_79B9_7F4A_7C15);
    let mut random = |shape: &[usize]| {
        // Weights of norms are around 1, all others around 0.
        let (mean, spread) = if shape.len() == 1 { (1f32, 0.3f32) } else { (0., 0.9) };
        let numbers = (0..shape.iter().product()).map(|_| mean + spread * generator.draw()).collect();
        let numbers = Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap();
        QTensor::quantize(&numbers, GgmlDType::F32).unwrap()
    };
    let mut shapes = vec![
        ("token_embd.weight".to_owned(), vec![WORDS, WIDTH]),
        ("output.weight".to_owned(), vec![WORDS, WIDTH]),
        ("output_norm.weight".to_owned(), vec![WIDTH]),
    ];
    for index in 0..LAYERS {
        for (name, shape) in layer(arch, index) {
            shapes.push((format!("blk.{index}.{name}.weight"), shape));
        }
        for name in ["attn_q", "attn_k", "attn_v"].iter().filter(|_| arch == "qwen2") {
            let width = if *name == "attn_q" { WIDTH } else { KV_HEADS * HEAD };
            shapes.push((format!("blk.{index}.{name}.bias"), vec![width]));
        }
    }
    let shapes =
        shapes.into_iter().filter_map(|(name, shape)| reshaped(&name, shape).map(|shape| (name, shape)));
    let tensors: Vec<_> = shapes.map(|(name, shape)| (name, random(&shape))).collect();
    let whole = |n: usize| Value::U32(n as u32);
    let kv_heads = match arch {
        "lfm2" => Value::Array(vec![whole(0), whole(KV_HEADS)]),
        _ => whole(KV_HEADS),
    };
    let own = [
        ("attention.head_count", whole(HEADS)),
        ("attention.head_count_kv", kv_heads),
        ("attention.key_length", whole(HEAD)),
        ("attention.value_length", whole(HEAD)),
        ("attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        // Longer than the prompt: beyond the window, candle's Gemma3 computes prompts and answers differently.
        ("attention.sliding_window", whole(2048)),
        ("block_count", whole(LAYERS)),
        ("context_length", whole(1 << 17)),
        ("embedding_length", whole(WIDTH)),
        ("feed_forward_length", whole(INNER)),
        ("rope.dimension_count", whole(HEAD)),
        ("rope.freq_base", Value::F32(10000.)),
        ("shortconv.l_cache", whole(3)),
    ];
    let mut metadata = vec![("general.architecture".to_owned(), Value::String(arch.to_owned()))];
    let own = own.into_iter().map(|(key, value)| {
        let value = over.iter().find(|(name, _)| *name == key).map_or(value, |(_, other)| other.clone());
        (format!("{arch}.{key}"), value)
    });
    metadata.extend(own);
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let tensors: Vec<(&str, &QTensor)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let path = folder.join(format!("{arch}.gguf"));
    gguf_file::write(&mut std::fs::File::create(&path).unwrap(), &metadata, &tensors).unwrap();
    path
}

fn near(a: &[f32], b: &[f32], what: &str) {
    let far = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    let size = b.iter().map(|b| b.abs()).fold(0f32, f32::max);
    assert!(a.len() == WORDS && size > 0. && far / size < 1e-3, "{what}: {far} off at a size of {size}");
}

#[test]
fn every_architecture_gives_the_same_logits_in_pieces_and_token_by_token() {
    let folder = tempfile::tempdir().unwrap();
    for arch in ["llama", "qwen2", "qwen3", "gemma3", "phi3", "glm4", "lfm2"] {
        let mut engine =
            Engine::load(write(folder.path(), arch), 2048).unwrap_or_else(|e| panic!("{arch}: {e:?}"));
        let prompt: Vec<u32> = (0..1100).map(|n| n * 7 % WORDS as u32).collect();
        assert_eq!(engine.begin(&prompt).unwrap(), 0);
        let mut read = Vec::new();
        for piece in engine.pieces(&prompt) {
            read = engine.feed(piece).unwrap();
        }
        let answer = [3, 1, 4, 1, 5];
        for id in answer {
            read = engine.feed(&[id]).unwrap();
        }

        // The same tokens, one by one.
        engine.clear().unwrap();
        let mut stepped = Vec::new();
        for id in prompt.iter().chain(&answer) {
            stepped = engine.feed(&[*id]).unwrap();
        }
        near(&read, &stepped, arch);

        // A second prompt that continues the first, and the same prompt with an empty cache.
        let second: Vec<u32> = prompt.iter().chain(&answer).copied().chain((0..20).map(|n| n % 9)).collect();
        let mut feed = |cached_at_most: usize| {
            let cached = engine.begin(&second).unwrap();
            assert!(cached <= cached_at_most);
            let mut last = Vec::new();
            for piece in engine.pieces(&second[cached..]) {
                last = engine.feed(piece).unwrap();
            }
            (cached, last)
        };
        let (cached, warm) = feed(prompt.len() + answer.len());
        assert_eq!(cached > 0, !["qwen3", "gemma3", "lfm2"].contains(&arch), "{arch}");
        let (_, cold) = feed(0);
        near(&warm, &cold, arch);
    }
}

#[test]
fn an_inconsistent_file_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let broken = |path: PathBuf, what: &str| {
        let error = Engine::load(path, 64).err().unwrap_or_else(|| panic!("{what} is accepted"));
        let named = error.code() == "model_unusable" && error.message().contains(".gguf");
        assert!(named, "{what}: {error:?}");
        error
    };
    for arch in ["llama", "qwen2", "qwen3", "gemma3", "phi3", "glm4", "lfm2"] {
        for key in ["attention.head_count", "block_count", "embedding_length", "attention.head_count_kv"] {
            for number in [0, 3, 7, u32::MAX] {
                let over = [(key, Value::U32(number))];
                let path = write_with(folder.path(), arch, &over, |_, shape| Some(shape));
                let what = format!("{arch}: {key} = {number}");
                let error = broken(path, &what);
                assert!(number > 0 || error.message().contains(key), "{what}: {error}");
            }
        }
        for (key, value) in [
            ("attention.head_count", Value::String("four".into())),
            ("attention.layer_norm_rms_epsilon", Value::F32(f32::NAN)),
            ("rope.freq_base", Value::F32(0.)),
            ("rope.dimension_count", Value::U32(0)),
        ] {
            broken(
                write_with(folder.path(), arch, &[(key, value)], |_, shape| Some(shape)),
                &format!("{arch}: {key}"),
            );
        }
        for name in ["token_embd.weight", "output_norm.weight", "blk.1.ffn_down.weight"] {
            let without = |tensor: &str, shape| Some(shape).filter(|_| tensor != name);
            broken(write_with(folder.path(), arch, &[], without), &format!("{arch} without {name}"));
            let other = |tensor: &str, shape: Vec<usize>| {
                Some(if tensor == name { shape.iter().map(|size| size / 2).collect() } else { shape })
            };
            broken(write_with(folder.path(), arch, &[], other), &format!("{arch} with half of {name}"));
        }
    }
}

#[test]
fn an_error_for_an_unknown_architecture_lists_the_supported_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (gguf, _) = Gguf::open(&write(folder.path(), "mamba")).unwrap();
    let message = longest_context(&gguf).unwrap_err().message().to_owned();
    assert!(message.contains("`mamba`") && message.contains("llama, qwen2, qwen3"), "{message}");
    let (gguf, _) = Gguf::open(&write(folder.path(), "llama")).unwrap();
    assert_eq!(longest_context(&gguf).unwrap(), 4096);
}
