//! Estimates how much memory a model takes in the local engine, from the file's header alone. The engine uses it to
//! refuse a model that does not fit, and the command line to report it. The estimate follows what the engine does with
//! each type of tensor.

use super::{ModelFile, TensorType};

/// The name of the embedding table's tensor.
const EMBEDDINGS: &str = "token_embd.weight";

/// Bytes of memory for a tensor of `numbers` numbers in rows of `width`.
pub(super) fn tensor(name: &str, stored_as: TensorType, numbers: u64, width: u64) -> u64 {
    let Some((type_in_memory, block, size)) = in_memory(stored_as).layout() else { return 0 };
    let stored = (numbers / block).saturating_mul(size);
    // The engine's fast kernels use a rearranged copy of the weights, which is created at the first use.
    let fits_kernel = width.is_multiple_of(256);
    let rearranged = match type_in_memory {
        "Q4_K" if fits_kernel => numbers / 4 * 3,
        "Q6_K" if fits_kernel => numbers / 4 * 5,
        "Q8_0" if fits_kernel => stored,
        // Held as f32, which takes twice as much.
        "F16" | "BF16" => stored,
        _ => 0,
    };
    // The embedding table is held twice: in f32 for looking up rows, and as stored for use as the output matrix.
    let looked_up = if name == EMBEDDINGS { numbers.saturating_mul(4) } else { 0 };
    stored.saturating_add(rearranged).saturating_add(looked_up)
}

/// The type of a tensor in memory: the engine converts types for which it has no fast arithmetic.
pub(crate) fn in_memory(stored_as: TensorType) -> TensorType {
    match stored_as.layout() {
        Some(("Q4_1" | "Q5_0" | "Q5_1", ..)) => TensorType::Q8_0,
        _ => stored_as,
    }
}

/// Bytes of memory for the keys and values of a context of `tokens` tokens.
pub(super) fn context(file: &ModelFile, tokens: u64) -> u64 {
    let heads = file.arch_number("attention.head_count").unwrap_or(1).max(1);
    let head = file.arch_number("attention.key_length");
    let head = head.unwrap_or(file.arch_number("embedding_length").unwrap_or(0) / heads);
    let kv_heads = file.arch_number("attention.head_count_kv").unwrap_or(heads);
    // Keys and values are f32. The engine's Qwen3 holds them twice, once for prompts and once for answers.
    let copies = if file.architecture() == "qwen3" { 2 } else { 1 };
    let factors = [file.arch_number("block_count").unwrap_or(0), kv_heads, head, tokens, 2 * 4 * copies];
    factors.into_iter().fold(1, u64::saturating_mul)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(arch: &str, numbers: &[(&str, u64)]) -> ModelFile {
        let mut file = ModelFile::default();
        file.texts.insert("general.architecture".into(), arch.into());
        file.numbers.extend(numbers.iter().map(|(key, number)| (format!("{arch}.{key}"), *number)));
        file
    }

    #[test]
    fn a_tensors_memory_includes_the_copies_that_the_engine_makes() {
        let [f32, f16, q4_1, q8_0, q4_k, q6_k] = [0, 1, 3, 8, 12, 14].map(TensorType);
        for (kind, width, bytes) in [
            (f32, 256, 4096),
            // Half precision is unpacked.
            (f16, 256, 2 * 2048),
            // Converted to Q8_0; the rearranged copy is made only for rows that are a multiple of 256 wide.
            (q4_1, 64, 32 * 34),
            (q8_0, 64, 32 * 34),
            (q8_0, 256, 2 * 32 * 34),
            (q4_1, 256, 2 * 32 * 34),
            (q4_k, 256, 4 * 144 + 768),
            (q6_k, 256, 4 * 210 + 1280),
            // A type that is newer than this program.
            (TensorType(999), 256, 0),
        ] {
            assert_eq!(tensor("blk.0.attn_q.weight", kind, 1024, width), bytes, "{kind} in rows of {width}");
        }
        assert_eq!(tensor(EMBEDDINGS, f32, 1024, 256), 2 * 4096, "twice, once for each use");
    }

    #[test]
    fn a_context_takes_keys_and_values_for_each_layer() {
        let shape = [("block_count", 2), ("attention.head_count", 4), ("embedding_length", 64)];
        // Layers, heads, numbers in a head, tokens, keys and values of four bytes.
        assert_eq!(context(&file("llama", &shape), 10), 2 * 4 * 16 * 10 * 8);
        assert_eq!(context(&file("qwen3", &shape), 10), 2 * 4 * 16 * 10 * 16);
        let grouped = [&shape[..], &[("attention.head_count_kv", 2), ("attention.key_length", 32)]].concat();
        assert_eq!(context(&file("llama", &grouped), 10), 2 * 2 * 32 * 10 * 8);
        assert_eq!(context(&file("llama", &[]), 10), 0, "a file that says nothing");
        assert_eq!(
            context(&file("llama", &[("block_count", u64::MAX), ("embedding_length", 9)]), 10),
            u64::MAX
        );
    }
}
