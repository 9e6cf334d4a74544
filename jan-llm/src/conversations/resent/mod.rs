//! What of a request is new to its conversation, and whether it asks an old question again. Clients send the last message,
//! or the whole talk with small changes, or its newest part; nothing of that may be kept or told twice. Pure: two talks
//! in, a plan out.
//!
//! A talk is compared turn by turn; a turn is a message of the user and what follows it until the next. Questions decide:
//! an answer that the client has changed, shows in part, or leaves out makes no other turn.

use std::cell::OnceCell;

use super::history::AsMessage;
use super::same::{Identity, Speaker};

/// What a request adds to its conversation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// The messages of the request that the conversation does not hold yet.
    pub(crate) new: Vec<usize>,
    /// Messages that both hold: the conversation's, the request's.
    pub(crate) known: Vec<(usize, usize)>,
    /// The request is a beginning of what is stored that ends with this message of the conversation: what comes there is
    /// asked for again.
    pub(crate) again: Option<Again>,
}

/// An old question that is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Again {
    /// The last stored message that the request holds.
    pub(crate) after: usize,
    /// Whether an answer follows it, and not only another question.
    pub(crate) is_answered: bool,
}

/// Compares a request with the messages of its conversation; `whole` says that these are all of them and not only the
/// newest.
pub(crate) fn compare<S: AsMessage, R: AsMessage>(stored: &[S], whole: bool, request: &[R]) -> Comparison {
    let stored = Talk::of(stored);
    let request = Talk::of(request);
    let has_answers = request.talk().any(|message| message.speaker == Speaker::Assistant);
    let mut found = match has_answers {
        true => stored.find(whole, &request),
        false => stored.find_alone(whole, &request),
    };
    found.again = match has_answers {
        true => stored.asked_again(&request, &found),
        false => stored.results_again(&request),
    };
    let until = found.again.map_or(stored.messages.len(), |again| again.after + 1);
    stored.leave_out_known_results(&request, &mut found);
    let mut new = stored.unknown_instructions(until, &request);
    new.append(&mut found.new);
    found.new = new;
    found
}

/// A talk, and its turns.
struct Talk<'a> {
    messages: Vec<Compared<'a>>,
    turns: Vec<Turn>,
}

/// A message that may be compared. Most of a long history never is, so what makes it the one that it is is found late.
struct Compared<'a> {
    speaker: Speaker,
    message: &'a dyn Look,
    identity: OnceCell<Identity>,
}

/// What a comparison reads of a message.
trait Look {
    fn is_plain(&self) -> bool;
    fn identity(&self) -> Identity;
}

impl<M: AsMessage> Look for M {
    fn is_plain(&self) -> bool {
        AsMessage::is_plain(self)
    }

    fn identity(&self) -> Identity {
        Identity::of(self.message())
    }
}

impl Compared<'_> {
    fn identity(&self) -> &Identity {
        self.identity.get_or_init(|| self.message.identity())
    }

    fn is(&self, other: &Compared<'_>) -> bool {
        self.speaker == other.speaker && self.identity().is(other.identity())
    }

    /// The ids of the calls that it makes.
    fn calls(&self) -> &[String] {
        if self.message.is_plain() { &[] } else { &self.identity().calls }
    }

    /// The call that it answers.
    fn answers(&self) -> Option<&String> {
        if self.speaker == Speaker::Tool { self.identity().answers.as_ref() } else { None }
    }
}

/// A message of the user and what follows until the next; the first turn of a talk may have no such message.
#[derive(Default)]
struct Turn {
    question: Option<usize>,
    rest: Vec<usize>,
}

/// What a walk through two talks found.
struct Walk {
    known: Vec<(usize, usize)>,
    /// The first turn of the request that the other talk does not have; `None` when it has all.
    stopped: Option<Stop>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The stored talk ends before.
    Ended,
    /// The stored talk goes on with another question.
    Differs,
}

impl<'a> Talk<'a> {
    fn of<M: AsMessage>(messages: &'a [M]) -> Self {
        let compared = |message: &'a M| Compared {
            speaker: Speaker::of(message.role()),
            message,
            identity: OnceCell::new(),
        };
        let messages: Vec<Compared<'a>> = messages.iter().map(compared).collect();
        let mut turns: Vec<Turn> = Vec::new();
        for (at, message) in messages.iter().enumerate() {
            match (message.speaker, turns.last_mut()) {
                (Speaker::Operator, _) => {}
                (Speaker::User, _) => turns.push(Turn { question: Some(at), rest: Vec::new() }),
                (_, Some(turn)) => turn.rest.push(at),
                (_, None) => turns.push(Turn { question: None, rest: vec![at] }),
            }
        }
        Self { messages, turns }
    }

    /// The messages that are no instructions.
    fn talk(&self) -> impl Iterator<Item = &Compared<'a>> {
        self.messages.iter().filter(|message| message.speaker != Speaker::Operator)
    }

    /// The places of the talk's messages behind one.
    fn after(&self, at: Option<usize>) -> impl Iterator<Item = usize> {
        let from = at.map_or(0, |at| at + 1);
        let talk = self.messages.iter().enumerate().skip(from);
        talk.filter(|(_, message)| message.speaker != Speaker::Operator).map(|(at, _)| at)
    }

    fn is(&self, here: usize, other: &Talk<'_>, there: usize) -> bool {
        match (self.messages.get(here), other.messages.get(there)) {
            (Some(here), Some(there)) => here.is(there),
            _ => false,
        }
    }

    fn speaker(&self, at: usize) -> Option<Speaker> {
        self.messages.get(at).map(|message| message.speaker)
    }

    fn same_question(&self, here: &Turn, other: &Talk<'_>, there: &Turn) -> bool {
        match (here.question, there.question) {
            (Some(here), Some(there)) => self.is(here, other, there),
            (None, None) => true,
            _ => false,
        }
    }

    /// What a request with answers in it says that is new: the whole talk sent again, else its newest part, else
    /// something else altogether.
    fn find(&self, whole: bool, request: &Talk<'_>) -> Comparison {
        let from_the_start = self.walk(0, request, 0);
        if whole && from_the_start.stopped != Some(Stop::Differs) {
            return request.plan(from_the_start.known);
        }
        let last_answer = request.messages.iter().rposition(|message| message.speaker == Speaker::Assistant);
        if let Some(mut known) = self.find_newest(request) {
            // What was asked last may be kept behind questions that the client does not show any more.
            if known.iter().map(|(_, there)| *there).max() <= last_answer {
                known.extend(self.unanswered(request, last_answer));
            }
            return request.plan(known);
        }
        // A greeting that only the client shows.
        let begins_inside = request.turns.first().is_some_and(|turn| turn.question.is_none());
        let walk = self.walk(0, request, usize::from(begins_inside));
        if whole && !walk.known.is_empty() && walk.stopped != Some(Stop::Differs) {
            return request.plan(walk.known);
        }
        request.plan(self.unanswered(request, last_answer))
    }

    /// What is known of a request that holds the newest part of the talk, from the turn on that both have.
    fn find_newest(&self, request: &Talk<'_>) -> Option<Vec<(usize, usize)>> {
        let (mut here, mut there) = self.anchor(request)?;
        let (other, turn) = (self.turns.get(here)?, request.turns.get(there)?);
        let mut known = Vec::new();
        if turn.question.is_none() {
            // The request begins in the middle of the turn.
            self.match_rest(other, request, turn, &mut known);
            (here, there) = (here + 1, there + 1);
        }
        known.append(&mut self.walk(here, request, there).known);
        Some(known)
    }

    /// What a request without answers says that is new: all, except for questions that are not answered yet.
    fn find_alone(&self, whole: bool, request: &Talk<'_>) -> Comparison {
        let walk = self.walk(0, request, 0);
        // More questions than are kept, beginning with those that are: the whole talk without its answers.
        if whole && !self.turns.is_empty() && walk.stopped == Some(Stop::Ended) && !walk.known.is_empty() {
            return request.plan(walk.known);
        }
        request.plan(self.unanswered(request, None))
    }

    /// The plan that keeps what stands behind the last known message.
    fn plan(&self, known: Vec<(usize, usize)>) -> Comparison {
        let last = known.iter().map(|(_, there)| *there).max();
        Comparison { new: self.after(last).collect(), known, again: None }
    }

    /// Walks through both talks, turn by turn, for as long as their questions are the same.
    fn walk(&self, here: usize, request: &Talk<'_>, there: usize) -> Walk {
        let mut known = Vec::new();
        // A greeting that only the stored talk has.
        let greeting =
            |talk: &Talk<'_>, turn: usize| talk.turns.get(turn).is_some_and(|turn| turn.question.is_none());
        let here = here + usize::from(greeting(self, here) && !greeting(request, there));
        let mut stored = self.turns.iter().skip(here);
        for turn in request.turns.iter().skip(there) {
            let Some(other) = stored.next() else { return Walk { known, stopped: Some(Stop::Ended) } };
            if !self.same_question(other, request, turn) {
                return Walk { known, stopped: Some(Stop::Differs) };
            }
            known.extend(other.question.zip(turn.question));
            self.match_rest(other, request, turn, &mut known);
        }
        Walk { known, stopped: None }
    }

    /// Which answers, calls and results of a turn are the same. An answer that was changed, or is shown in part, is the
    /// one that the turn has beside those that are the same.
    fn match_rest(&self, other: &Turn, request: &Talk<'_>, turn: &Turn, known: &mut Vec<(usize, usize)>) {
        let mut left: Vec<usize> = other.rest.clone();
        let mut changed = Vec::new();
        for &there in &turn.rest {
            match left.iter().position(|here| self.is(*here, request, there)) {
                Some(at) => known.push((left.remove(at), there)),
                None => changed.push(there),
            }
        }
        let is_answer = |talk: &Talk<'_>, at: &usize| {
            talk.messages.get(*at).is_some_and(|m| m.speaker == Speaker::Assistant && m.identity().speaks())
        };
        let makes_calls = |at: &usize| request.messages.get(*at).is_some_and(|m| !m.calls().is_empty());
        if let Some(&answer) = left.iter().find(|here| is_answer(self, here)) {
            let changed = changed.iter().filter(|there| is_answer(request, there) && !makes_calls(there));
            known.extend(changed.map(|there| (answer, *there)));
        }
    }

    /// A turn of each that is the same, the newest of the request with an answer in it: from there both are compared. Of
    /// several that it may be, the one with the most that is the same right before it, then the newest.
    fn anchor(&self, request: &Talk<'_>) -> Option<(usize, usize)> {
        let answered = request
            .turns
            .iter()
            .rposition(|turn| turn.rest.iter().any(|at| request.speaker(*at) == Some(Speaker::Assistant)))?;
        let mut turns = request.turns.iter().enumerate().take(answered + 1).rev();
        turns.find_map(|(there, turn)| {
            let score = |(here, other): (usize, &Turn)| {
                let answers = turn.rest.iter().filter(|at| request.speaker(**at) == Some(Speaker::Assistant));
                let same =
                    answers.filter(|at| other.rest.iter().any(|here| self.is(*here, request, **at))).count();
                let fits = match turn.question {
                    Some(_) => self.same_question(other, request, turn),
                    None => same > 0,
                };
                fits.then(|| (same > 0, self.same_before(here, request, there), here))
            };
            let best = self.turns.iter().enumerate().filter_map(score).max()?;
            Some((best.2, there))
        })
    }

    /// How many questions right before these turns are the same in both.
    fn same_before(&self, here: usize, request: &Talk<'_>, there: usize) -> usize {
        let before = self.turns.iter().take(here).rev().zip(request.turns.iter().take(there).rev());
        before.take_while(|(here, there)| self.same_question(here, request, there)).count()
    }

    /// The questions that the request begins with, behind `after`, and that the stored talk ends with, unanswered.
    fn unanswered(&self, request: &Talk<'_>, after: Option<usize>) -> Vec<(usize, usize)> {
        let answered = self.messages.iter().rposition(|message| message.speaker == Speaker::Assistant);
        let questions = |talk: &Talk<'_>, after: Option<usize>| -> Vec<usize> {
            talk.after(after).filter(|at| talk.speaker(*at) == Some(Speaker::User)).collect()
        };
        let (here, there) = (questions(self, answered), questions(request, after));
        let pairs = |n: &usize| {
            let end = here.iter().skip(here.len() - n).copied();
            end.zip(there.iter().take(*n).copied())
        };
        let most = here.len().min(there.len());
        let overlap = (1..=most).rev().find(|n| pairs(n).all(|(here, there)| self.is(here, request, there)));
        overlap.iter().flat_map(pairs).collect()
    }

    /// What follows the last message of a request that is known altogether, if anything does.
    fn asked_again(&self, request: &Talk<'_>, found: &Comparison) -> Option<Again> {
        if !found.new.is_empty() {
            return None;
        }
        let last = found.known.iter().map(|(here, _)| *here).max()?;
        // A result that the request shows before its last question may be kept behind it.
        let is_shown = |at: &usize| {
            let answers = self.messages.get(*at).and_then(|message| message.answers());
            answers.is_some() && request.messages.iter().any(|message| message.answers() == answers)
        };
        let results = self.after(Some(last)).take_while(is_shown).last();
        self.goes_on(results.unwrap_or(last))
    }

    /// Whether the talk goes on behind a message. A result alone, of a call before it, does not go on.
    fn goes_on(&self, after: usize) -> Option<Again> {
        let rest = || self.after(Some(after)).filter_map(|at| self.speaker(at));
        let is_answered = rest().any(|speaker| speaker == Speaker::Assistant);
        rest().any(|speaker| speaker != Speaker::Tool).then_some(Again { after, is_answered })
    }

    /// Results that are all there already, sent alone: what the model said to them is asked for again.
    fn results_again(&self, request: &Talk<'_>) -> Option<Again> {
        if !request.talk().all(|message| message.speaker == Speaker::Tool) {
            return None;
        }
        let mut last = None;
        for message in request.talk() {
            let call = message.answers()?;
            let (calls, results) = self.of_call(call);
            let result =
                results.last().copied().filter(|result| calls.last().is_none_or(|call| call < result))?;
            last = last.max(Some(result));
        }
        let again = self.goes_on(last?)?;
        let next = self.after(Some(again.after)).next()?;
        (self.speaker(next) == Some(Speaker::Assistant)).then_some(again)
    }

    /// The messages that make a call of this id, and those that answer it.
    fn of_call(&self, id: &str) -> (Vec<usize>, Vec<usize>) {
        let all = self.messages.iter().enumerate();
        let calls = all.clone().filter(|(_, message)| message.calls().iter().any(|call| call == id));
        let results = all.filter(|(_, message)| message.answers().is_some_and(|answered| answered == id));
        (calls.map(|(at, _)| at).collect(), results.map(|(at, _)| at).collect())
    }

    /// Results are the same by the call that they answer, wherever they stand: one that is stored is not new, and one that
    /// a stored call still waits for is, even where the client shows it before what is known.
    fn leave_out_known_results(&self, request: &Talk<'_>, found: &mut Comparison) {
        let made_anew: Vec<String> = found
            .new
            .iter()
            .filter_map(|at| request.messages.get(*at))
            .flat_map(|m| m.calls().to_vec())
            .collect();
        let is_waited_for = |id: &str| {
            let (calls, results) = self.of_call(id);
            calls.len() > results.len()
        };
        let result_of = |at: usize| request.messages.get(at).and_then(|message| message.answers().cloned());
        found.new.retain(|at| {
            result_of(*at).is_none_or(|id| {
                made_anew.contains(&id) || is_waited_for(&id) || self.of_call(&id).1.is_empty()
            })
        });
        if found.again.is_some() {
            return;
        }
        let first = found.new.first().copied().unwrap_or(request.messages.len());
        let known = |at: &usize| found.known.iter().any(|(_, there)| there == at);
        let late = (0..first).filter(|at| !known(at) && result_of(*at).is_some_and(|id| is_waited_for(&id)));
        let mut late: Vec<usize> = late.collect();
        late.append(&mut found.new);
        found.new = late;
    }

    /// The instructions of a request that nothing up to `until` says.
    fn unknown_instructions(&self, until: usize, request: &Talk<'_>) -> Vec<usize> {
        let told = |wanted: &Compared<'_>| self.messages.iter().take(until).any(|known| known.is(wanted));
        let all = request.messages.iter().enumerate();
        all.filter(|(_, message)| message.speaker == Speaker::Operator && !told(message))
            .map(|(at, _)| at)
            .collect()
    }
}

#[cfg(test)]
mod tests;
