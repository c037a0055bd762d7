//! Blocking work, on a thread where it may block.

use std::panic;

/// Runs `work` on a thread of its own. None when the process ends before the work starts. A panic in `work`
/// continues in the caller: the task that asked for the work must not take the panic for an answer.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => Some(value),
        Err(error) => match error.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            Err(_) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_goes_on_in_the_caller() {
        assert_eq!(run(|| 7).await, Some(7));
        let caller = tokio::spawn(run(|| panic!("on purpose")));
        assert!(caller.await.unwrap_err().is_panic());
    }
}
