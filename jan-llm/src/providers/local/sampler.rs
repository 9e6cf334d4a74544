//! Picks the next token from the logits. The same seed and the same logits give the same tokens.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher};

use llguidance::toktrie::SimpleVob;

/// Tokens whose logit (after the temperature) is this much below the best are not candidates: their probability is
/// below one in 400 million. Leaving them out keeps sorting cheap with large vocabularies.
const MAX_DISTANCE: f32 = 20.0;

/// The sampling parameters of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Sampling {
    /// 0 always takes the most likely token.
    pub(super) temperature: f32,
    /// Draw from the most likely tokens whose probabilities add up to this; 1 draws from all.
    pub(super) top_p: f32,
    /// Draw from this many of the most likely tokens; 0 draws from all.
    pub(super) top_k: usize,
    /// Draw from tokens whose probability, divided by that of the most likely token, is at least this.
    pub(super) min_p: f32,
    /// Divides positive logits, and multiplies negative ones, of tokens that occur in prompt or answer; 1 has no
    /// effect.
    pub(super) repetition: f32,
    /// Subtracted from the logits of tokens that occur in the answer.
    pub(super) presence: f32,
    /// Subtracted from the logits of tokens once for each time that they occur in the answer.
    pub(super) frequency: f32,
    /// Token ids, each with a number that is added to its logit.
    pub(super) bias: Vec<(u32, f32)>,
    /// The seed of the random numbers; `None`: a random seed for every answer.
    pub(super) seed: Option<u64>,
}

/// Draws the tokens of one answer.
pub(super) struct Sampler {
    sampling: Sampling,
    random: SplitMix,
    prompt: HashSet<u32>,
    /// How often each token occurs in the answer.
    counts: HashMap<u32, u16>,
}

impl Sampler {
    /// A sampler for an answer to `prompt`.
    pub(super) fn new(sampling: Sampling, prompt: &[u32]) -> Self {
        let seed = sampling.seed.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
        let repeats = (sampling.repetition - 1.0).abs() > f32::EPSILON;
        let prompt = if repeats { prompt.iter().copied().collect() } else { HashSet::new() };
        Self { sampling, random: SplitMix(seed), prompt, counts: HashMap::new() }
    }

    /// Picks a token among the `allowed` ones; `None` when there is none.
    pub(super) fn pick(&mut self, mut logits: Vec<f32>, allowed: Option<&SimpleVob>) -> Option<u32> {
        self.weigh(&mut logits);
        let is_allowed = |id: u32| allowed.is_none_or(|set| (id as usize) < set.len() && set.is_allowed(id));
        let mut candidates: Vec<(u32, f32)> =
            (0u32..).zip(logits).filter(|(id, logit)| logit.is_finite() && is_allowed(*id)).collect();
        let best = *candidates.iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        let temperature = self.sampling.temperature;
        let id = if temperature <= 0.0 {
            best.0
        } else {
            candidates.retain(|(_, logit)| (best.1 - logit) / temperature < MAX_DISTANCE);
            candidates.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            for (_, logit) in &mut candidates {
                *logit = ((*logit - best.1) / temperature).exp();
            }
            self.cut(&mut candidates);
            draw(&candidates, self.random.unit()).unwrap_or(best.0)
        };
        *self.counts.entry(id).or_default() += 1;
        Some(id)
    }

    /// Applies bias and penalties.
    fn weigh(&self, logits: &mut [f32]) {
        for (id, bias) in &self.sampling.bias {
            if let Some(logit) = logits.get_mut(*id as usize) {
                *logit += bias;
            }
        }
        let repetition = self.sampling.repetition;
        let new_in_answer = self.counts.keys().filter(|id| !self.prompt.contains(id));
        for id in self.prompt.iter().chain(new_in_answer) {
            if let Some(logit) = logits.get_mut(*id as usize) {
                *logit = if *logit > 0.0 { *logit / repetition } else { *logit * repetition };
            }
        }
        for (id, times) in &self.counts {
            if let Some(logit) = logits.get_mut(*id as usize) {
                *logit -= self.sampling.presence + self.sampling.frequency * f32::from(*times);
            }
        }
    }

    /// Keeps the candidates that top_k, min_p and top_p allow. They are sorted, most likely first; the first has weight
    /// 1.
    fn cut(&self, candidates: &mut Vec<(u32, f32)>) {
        if self.sampling.top_k > 0 {
            candidates.truncate(self.sampling.top_k);
        }
        candidates.retain(|(_, weight)| *weight >= self.sampling.min_p);
        if self.sampling.top_p < 1.0 {
            let enough = self.sampling.top_p * candidates.iter().map(|(_, weight)| weight).sum::<f32>();
            let mut sum = 0.0;
            let before = candidates.iter().take_while(|(_, weight)| {
                let still = sum < enough;
                sum += weight;
                still
            });
            let keep = before.count().max(1);
            candidates.truncate(keep);
        }
    }
}

fn draw(candidates: &[(u32, f32)], unit: f32) -> Option<u32> {
    let mut remaining = unit * candidates.iter().map(|(_, weight)| weight).sum::<f32>();
    let found = candidates.iter().find(|(_, weight)| {
        remaining -= weight;
        remaining < 0.0
    });
    found.or(candidates.last()).map(|(id, _)| *id)
}

/// The random number generator SplitMix64: small, and good enough for sampling.
struct SplitMix(u64);

impl SplitMix {
    /// A number from 0 (included) to 1 (excluded).
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // 24 bits are what an f32 holds exactly.
        (z >> 40) as f32 / (1u32 << 24) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(temperature: f32) -> Sampling {
        Sampling { temperature, top_p: 1.0, repetition: 1.0, ..Sampling::default() }
    }

    fn drawn(sampling: Sampling) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling, &[]);
        (0..50).map(|_| sampler.pick(vec![1.0, 2.0, 0.5, 1.5], None).unwrap()).collect()
    }

    #[test]
    fn with_temperature_0_the_most_likely_token_is_taken() {
        assert!(drawn(plain(0.0)).iter().all(|id| *id == 1));
    }

    #[test]
    fn a_seed_gives_the_same_answer_again() {
        let seeded = |seed| Sampling { seed: Some(seed), ..plain(1.0) };
        assert_eq!(drawn(seeded(7)), drawn(seeded(7)));
        assert_ne!(drawn(seeded(7)), drawn(seeded(8)));
    }

    #[test]
    fn each_limit_keeps_at_least_the_most_likely_token() {
        let cuts = [
            Sampling { top_k: 1, ..plain(1.0) },
            Sampling { top_p: 0.01, ..plain(1.0) },
            Sampling { min_p: 0.99, ..plain(1.0) },
        ];
        for cut in cuts {
            assert!(drawn(cut).iter().all(|id| *id == 1));
        }
        let two = drawn(Sampling { top_k: 2, seed: Some(1), ..plain(1.0) });
        assert!(two.iter().all(|id| [1, 3].contains(id)) && two.contains(&3));
    }

    #[test]
    fn penalties_bias_and_the_allowed_set_are_applied() {
        let first = drawn(Sampling { frequency: 2.0, ..plain(0.0) });
        assert_eq!(first[..3], [1, 3, 0]);
        let mut seen = Sampler::new(Sampling { repetition: 4.0, ..plain(0.0) }, &[1]);
        assert_eq!(seen.pick(vec![1.0, 2.0, 0.5, 1.5], None), Some(3));
        assert!(drawn(Sampling { bias: vec![(2, 100.0)], ..plain(0.0) }).iter().all(|id| *id == 2));
        let mut only = SimpleVob::alloc(4);
        only.allow_token(0);
        assert_eq!(Sampler::new(plain(0.0), &[]).pick(vec![1.0, 2.0, 0.5, 1.5], Some(&only)), Some(0));
        assert_eq!(Sampler::new(plain(0.0), &[]).pick(vec![1.0], Some(&SimpleVob::alloc(1))), None);
    }
}
