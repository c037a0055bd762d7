//! Generates a case from a seed.

use fastrand::Rng;
use shopmaster_standins::digible::{
    CutAt, Endpoint, Fault, FaultKind, HangEffect, Naming, RetryAfter, Told,
};

use super::plan::{AgentPlan, Journal, Key, Plan, Serves, ShopPlan, Step, What, When, Write};
use super::till::key_of;

/// Statuses with which Digible refuses a product.
const POISON: [u16; 4] = [400, 409, 422, 500];
/// Statuses that report a dead token.
const DEAD_TOKEN: [u16; 8] = [200, 400, 403, 419, 422, 440, 498, 500];
/// Statuses of a gateway while the server behind it continues to work.
const GATEWAY: [u16; 5] = [502, 503, 504, 520, 524];
/// Statuses that report a rate limit, besides 429.
const RATE_LIMIT: [u16; 5] = [403, 420, 425, 429, 430];

impl Plan {
    /// The case of a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Generator::new(seed).plan()
    }

    /// The name of the case of a seed.
    pub(super) fn name_of(seed: u64) -> String {
        format!("seed {seed}")
    }
}

struct Generator {
    rng: Rng,
    seed: u64,
    key: Key,
    products: u32,
    /// The slots to which most changes are made.
    hot: Vec<u32>,
    small_disk: bool,
    own_clock: bool,
    serves: Serves,
    steps: Vec<Step>,
}

impl Generator {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let products = *rng.choice([2, 3, 5, 8, 13, 40].iter()).unwrap_or(&5);
        let hot = (0..rng.u32(1..=3)).map(|_| rng.u32(0..products)).collect();
        Self {
            key: pick(&mut rng, [Key::Text, Key::Integer, Key::Nocase]),
            small_disk: rng.u8(..100) < 8,
            own_clock: rng.u8(..100) < 12,
            serves: pick(
                &mut rng,
                [Serves::Table, Serves::Table, Serves::Sold, Serves::View],
            ),
            rng,
            seed,
            products,
            hot,
            steps: Vec::new(),
        }
    }

    fn plan(mut self) -> Plan {
        let agent = AgentPlan {
            timeout_ms: self.pick([300, 300, 800]),
            batch_size: self.pick([1, 2, 5, 200]),
            max_in_flight: self.pick([1, 2, 4]),
            bulk_threshold: self.pick([0, 2, 200]),
            automatic: self.chance(85),
            small_disk: self.small_disk,
            own_clock: self.own_clock,
            restart_at_end: self.chance(40),
            ..AgentPlan::default()
        };
        self.refusals();
        for _ in 0..self.rng.u32(5..=12) {
            self.scene();
        }
        Plan {
            name: Plan::name_of(self.seed),
            seed: self.seed,
            shop: ShopPlan {
                journal: self.pick([Journal::Wal, Journal::Wal, Journal::Rollback]),
                key: self.key,
                products: self.products,
                serves: self.serves,
            },
            agent,
            steps: self.steps,
        }
    }

    /// Adds products that Digible always refuses.
    fn refusals(&mut self) {
        if self.products < 3 || !self.chance(30) {
            return;
        }
        let ids: Vec<_> = (0..self.rng.u32(1..=2))
            .map(|_| key_of(self.key, self.slot()))
            .collect();
        let fault = if self.rng.bool() {
            let naming = self.pick([
                Naming::Failed,
                Naming::Errors,
                Naming::MultiStatus,
                Naming::Count,
                Naming::Unsuccessful,
            ]);
            Fault::except(naming, ids)
        } else {
            Fault::poison(self.pick(POISON), ids)
        };
        self.now(What::Fault(fault));
    }

    /// Adds one or several steps that belong together.
    fn scene(&mut self) {
        match self.rng.u8(..100) {
            0..26 => self.sale(),
            26..46 => self.give_up(),
            46..56 => {
                let fault = self.fault();
                self.step(What::Fault(fault));
                self.sale();
            }
            56..60 => {
                let dead = Fault::dead_token(self.pick(DEAD_TOKEN));
                self.step(What::Fault(dead));
                self.now(What::RevokeTokens);
                self.sale();
            }
            60..66 => self.kill(),
            66..72 => self.kill_in_a_step(),
            72..75 => self.step(What::Restart),
            75..77 => {
                let time = self.rng.u64(100..600);
                self.step(What::Freeze(time));
            }
            77..80 => {
                self.step(What::Pause);
                self.sale();
                self.step(What::Resume);
            }
            80..82 => self.step(What::Sync),
            82..84 => self.step(What::Upload),
            84..87 => {
                let what = self.pick([What::Verify, What::VerifyConfirmed]);
                self.step(what);
            }
            87..89 => self.step(What::Forget),
            89..91 => {
                let what = self.pick([What::Dismiss, What::Retry]);
                self.step(what);
            }
            91..93 if self.rng.bool() => {
                let writes = self.writes();
                self.step(What::Rebuild(writes));
            }
            91..93 => {
                let serves = self.pick([Serves::Table, Serves::Sold, Serves::View]);
                self.step(What::Serve(serves));
                self.sale();
            }
            93..95 => {
                self.step(What::Offline);
                self.sale();
                self.step(What::Calm);
            }
            95..97 => {
                let latency = self.rng.u64(0..60);
                self.step(What::Latency(latency));
            }
            _ => self.step(What::Calm),
        }
        if self.small_disk && self.chance(15) {
            self.step(What::DiskFull);
            self.sale();
            self.step(What::DiskFree);
        }
        if self.own_clock && self.chance(25) {
            let off = self.pick([0, 2, -2, 60, -60, 3_600, -3_600, 31_536_000, -31_536_000]);
            self.step(What::Clock(off));
        }
    }

    /// Adds a request that takes effect late, and changes of its product before that.
    fn give_up(&mut self) {
        let slot = self.slot();
        let told = self.told();
        let percent = self.rng.u8(30..=70);
        let times = self.pick([1, 1, 2]);
        self.step(What::Late {
            told,
            percent,
            times,
        });
        let cents = self.cents();
        self.now(What::Till(vec![Write::Price(slot, cents)]));
        if self.chance(40) {
            self.steps.push(Step {
                when: When::Requests(1),
                what: What::Kill,
            });
            self.now(What::Launch);
        } else {
            self.steps.push(Step {
                when: When::Requests(1),
                what: What::Sync,
            });
        }
        let cents = self.cents();
        let other = self.slot();
        let (away, back) = match self.rng.u8(..5) {
            0 | 1 => (Write::Delete(slot), Write::Put(slot, cents)),
            2 => (
                Write::Rekey(slot, 500 + slot),
                Write::Rekey(500 + slot, slot),
            ),
            3 => (Write::Respell(slot), Write::Respell(slot)),
            _ => (Write::Price(slot, cents), Write::Rewrite(other)),
        };
        self.soon(What::Till(vec![away]));
        self.now(What::Sync);
        if self.chance(30) {
            self.soon(What::Forget);
        }
        // By then the agent may have noticed that the product was missing.
        self.soon(What::Till(vec![back]));
        self.now(What::Sync);
    }

    /// Kills the agent during a step, so that part of the step is recorded and the rest never is.
    fn kill_in_a_step(&mut self) {
        let on = self.pick([Endpoint::Update, Endpoint::Batch]);
        self.step(What::Fault(Fault::hang(HangEffect::Never).once().on(on)));
        let writes = (0..self.rng.u32(2..=5)).map(|_| self.write()).collect();
        self.now(What::Till(writes));
        self.now(What::Sync);
        self.steps.push(Step {
            when: When::Applied(1),
            what: What::Sync,
        });
        self.soon(What::Kill);
        self.now(What::Launch);
    }

    fn kill(&mut self) {
        self.step(What::Kill);
        if self.rng.bool() {
            let writes = self.writes();
            self.now(What::Till(writes));
        }
        self.step(What::Launch);
    }

    fn sale(&mut self) {
        let writes = self.writes();
        let what = if self.chance(12) {
            What::SlowTill(self.rng.u64(20..300), writes)
        } else {
            What::Till(writes)
        };
        self.step(what);
    }

    fn writes(&mut self) -> Vec<Write> {
        let count = self.pick([1, 1, 1, 2, 3, 6]);
        (0..count).map(|_| self.write()).collect()
    }

    fn write(&mut self) -> Write {
        let slot = self.slot();
        let cents = self.cents();
        if self.serves != Serves::Table && self.chance(30) {
            let surcharge = self.pick([1, 2]);
            return match self.rng.u8(..4) {
                0 => Write::Surcharge(surcharge, self.rng.u32(0..500)),
                1 => Write::Charge(slot, surcharge),
                _ => Write::Sell(slot, self.rng.bool()),
            };
        }
        match self.rng.u8(..100) {
            0..34 => Write::Price(slot, cents),
            34..38 => Write::RaiseAll,
            38..44 => Write::Rename(slot, cents),
            44..60 => Write::Put(slot, cents),
            60..64 => Write::Replace(slot, cents),
            64..76 => Write::Delete(slot),
            76..84 => {
                let to = self.slot();
                Write::Rekey(slot, to)
            }
            84..92 => Write::Respell(slot),
            92..97 => Write::Rewrite(slot),
            _ => Write::Spoil(slot),
        }
    }

    fn fault(&mut self) -> Fault {
        let times = self.pick([1, 1, 2, 3]);
        let seconds = self.rng.u64(0..=1);
        let after = match self.rng.bool() {
            true => RetryAfter::Seconds(seconds),
            false => RetryAfter::Date(seconds),
        };
        let fault = match self.rng.u8(..9) {
            0 => Fault::cut(self.pick([
                CutAt::BeforeApplying,
                CutAt::AfterApplying,
                CutAt::InAnswer,
            ])),
            1 => Fault::hang(self.pick([HangEffect::AtOnce, HangEffect::Never])),
            2 => {
                let told = match self.told() {
                    Told::Status(_) => Told::Status(self.pick([400, 500, 503])),
                    told => told,
                };
                Fault::half(told)
            }
            3 => Fault::refuse(self.pick([408, 500, 502, 503, 504, 520])),
            4 => Fault::refuse_for(self.pick(RATE_LIMIT), after),
            5 => self.rate_limit_in_a_success(),
            6 => Fault::html(),
            // An empty success acknowledges an update, but this fault applies nothing.
            7 => return Fault::empty().times(times).on(Endpoint::Batch),
            _ => Fault::too_large(1),
        };
        let fault = fault.times(times);
        match self.rng.u8(..4) {
            0 => fault.on(Endpoint::Update),
            1 => fault.on(Endpoint::Batch),
            _ => fault,
        }
    }

    fn rate_limit_in_a_success(&mut self) -> Fault {
        Fault::of(FaultKind::Reply {
            status: 200,
            content_type: Some("application/json".to_owned()),
            body: r#"{"statusCode":429,"message":"Too many requests"}"#.to_owned(),
            applied: false,
        })
    }

    fn told(&mut self) -> Told {
        match self.rng.u8(..4) {
            0 => Told::Cut,
            1 => Told::Status(self.pick(GATEWAY)),
            _ => Told::Nothing,
        }
    }

    fn slot(&mut self) -> u32 {
        let hot = self.rng.choice(self.hot.iter()).copied();
        match hot.filter(|_| self.rng.u8(..100) < 75) {
            Some(slot) => slot,
            // Includes some that do not exist yet.
            None => self.rng.u32(0..self.products + 3),
        }
    }

    fn cents(&mut self) -> u32 {
        self.rng.u32(1..100_000)
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.rng.u8(..100) < percent
    }

    fn pick<T: Clone, const N: usize>(&mut self, of: [T; N]) -> T {
        pick(&mut self.rng, of)
    }

    fn now(&mut self, what: What) {
        let when = When::Now;
        self.steps.push(Step { when, what });
    }

    fn soon(&mut self, what: What) {
        let when = When::After(self.rng.u64(20..200));
        self.steps.push(Step { when, what });
    }

    fn step(&mut self, what: What) {
        let when = match self.rng.u8(..100) {
            0..35 => When::Now,
            35..75 => When::After(self.rng.u64(5..300)),
            75..88 => When::Requests(1),
            88..93 => When::Applied(1),
            93..98 => When::UpToDate,
            _ => When::Landed,
        };
        self.steps.push(Step { when, what });
    }
}

fn pick<T: Clone, const N: usize>(rng: &mut Rng, of: [T; N]) -> T {
    of[rng.usize(..N)].clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_plan_and_another_another() {
        assert_eq!(Plan::from_seed(1), Plan::from_seed(1));
        assert_ne!(Plan::from_seed(1).steps, Plan::from_seed(2).steps);
    }

    #[test]
    fn a_plan_is_data() {
        for seed in 0..200 {
            let plan = Plan::from_seed(seed);
            let text = serde_json::to_string(&plan).unwrap();
            assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan, "{text}");
        }
    }

    #[test]
    fn everything_happens_in_some_case() {
        let plans: Vec<_> = (0..300).map(Plan::from_seed).collect();
        let steps = || plans.iter().flat_map(|plan| &plan.steps);
        let happens = |what: fn(&What) -> bool| steps().any(|step| what(&step.what));
        assert!(happens(|it| matches!(it, What::Rebuild(_))));
        assert!(happens(|it| matches!(it, What::SlowTill(..))));
        assert!(happens(|it| matches!(it, What::DiskFull)));
        assert!(happens(|it| matches!(it, What::Clock(_))));
        assert!(happens(|it| matches!(it, What::Late { .. })));
        assert!(happens(|it| matches!(it, What::Kill)));
        assert!(happens(|it| matches!(it, What::Serve(_))));
        for serves in [Serves::Table, Serves::Sold, Serves::View] {
            assert!(plans.iter().any(|plan| plan.shop.serves == serves));
        }
        for kind in [Key::Text, Key::Integer, Key::Nocase] {
            assert!(plans.iter().any(|plan| plan.shop.key == kind));
        }
    }
}
