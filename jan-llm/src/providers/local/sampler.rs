//! Picks the next token out of the numbers that the model gives. The same seed and the same numbers give the same
//! tokens.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher};

use llguidance::toktrie::SimpleVob;

/// Tokens this much less likely than the likeliest (by their natural logarithm) are not looked at when drawing: one in
/// half a billion. It keeps sorting cheap with large vocabularies.
const FAR_BEHIND: f32 = 20.0;

/// How tokens are drawn, as the request said it.
#[derive(Debug, Clone, Default)]
pub(super) struct Sampling {
    /// 0 takes the likeliest token every time.
    pub(super) temperature: f32,
    /// Draw from the likeliest tokens that together have this share; 1 draws from all.
    pub(super) top_p: f32,
    /// Draw from this many tokens; 0 from all.
    pub(super) top_k: usize,
    /// Draw from tokens at least this likely compared with the likeliest.
    pub(super) min_p: f32,
    /// Divides the numbers of tokens that were seen in prompt or answer; 1 does nothing.
    pub(super) repetition: f32,
    /// Taken off tokens that are in the answer already.
    pub(super) presence: f32,
    /// Taken off tokens for each time they are in the answer.
    pub(super) frequency: f32,
    /// Added to single tokens.
    pub(super) bias: Vec<(u32, f32)>,
    /// The seed; without one, every answer is drawn anew.
    pub(super) seed: Option<u64>,
}

/// Draws the tokens of one answer.
pub(super) struct Sampler {
    sampling: Sampling,
    random: SplitMix,
    prompt: HashSet<u32>,
    said: HashMap<u32, u16>,
}

impl Sampler {
    /// A sampler for an answer to `prompt`.
    pub(super) fn new(sampling: Sampling, prompt: &[u32]) -> Self {
        let seed = sampling.seed.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
        let repeats = (sampling.repetition - 1.0).abs() > f32::EPSILON;
        let prompt = if repeats { prompt.iter().copied().collect() } else { HashSet::new() };
        Self { sampling, random: SplitMix(seed), prompt, said: HashMap::new() }
    }

    /// Picks a token among the `allowed` ones; `None` when there is none.
    pub(super) fn pick(&mut self, mut logits: Vec<f32>, allowed: Option<&SimpleVob>) -> Option<u32> {
        self.weigh(&mut logits);
        let may = |id: u32| allowed.is_none_or(|set| (id as usize) < set.len() && set.is_allowed(id));
        let mut candidates: Vec<(u32, f32)> =
            (0u32..).zip(logits).filter(|(id, logit)| logit.is_finite() && may(*id)).collect();
        let best = *candidates.iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        let heat = self.sampling.temperature;
        let id = if heat <= 0.0 {
            best.0
        } else {
            candidates.retain(|(_, logit)| (best.1 - logit) / heat < FAR_BEHIND);
            candidates.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            for (_, logit) in &mut candidates {
                *logit = ((*logit - best.1) / heat).exp();
            }
            self.cut(&mut candidates);
            draw(&candidates, self.random.unit()).unwrap_or(best.0)
        };
        *self.said.entry(id).or_default() += 1;
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
        let new_in_answer = self.said.keys().filter(|id| !self.prompt.contains(id));
        for id in self.prompt.iter().chain(new_in_answer) {
            if let Some(logit) = logits.get_mut(*id as usize) {
                *logit = if *logit > 0.0 { *logit / repetition } else { *logit * repetition };
            }
        }
        for (id, times) in &self.said {
            if let Some(logit) = logits.get_mut(*id as usize) {
                *logit -= self.sampling.presence + self.sampling.frequency * f32::from(*times);
            }
        }
    }

    /// Leaves the candidates (likeliest first, the first with weight 1) that top_k, min_p and top_p allow.
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
    let mut left = unit * candidates.iter().map(|(_, weight)| weight).sum::<f32>();
    let found = candidates.iter().find(|(_, weight)| {
        left -= weight;
        left < 0.0
    });
    found.or(candidates.last()).map(|(id, _)| *id)
}

/// SplitMix64: small, and good enough for drawing words.
struct SplitMix(u64);

impl SplitMix {
    /// A number from 0 up to 1.
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
    fn without_heat_the_likeliest_is_taken() {
        assert!(drawn(plain(0.0)).iter().all(|id| *id == 1));
    }

    #[test]
    fn a_seed_gives_the_same_answer_again() {
        let seeded = |seed| Sampling { seed: Some(seed), ..plain(1.0) };
        assert_eq!(drawn(seeded(7)), drawn(seeded(7)));
        assert_ne!(drawn(seeded(7)), drawn(seeded(8)));
    }

    #[test]
    fn each_cut_leaves_the_likeliest() {
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
    fn penalties_bias_and_the_mask_are_obeyed() {
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
