//! The token by which etcd knows a user: fetched with the password, and again when it is refused.

use crate::address::{Login, Password};
use crate::failure::{Cause, Failure};
use crate::proto::{AuthenticateRequest, AuthenticateResponse};
use std::sync::{PoisonError, RwLock};
use tokio::sync::Mutex;
use tonic::metadata::{Ascii, MetadataValue};

pub(crate) type Token = MetadataValue<Ascii>;

/// The longest password that a file may hold, in bytes.
const PASSWORD_BYTES_MAX: usize = 4096;

/// The token of one client.
#[derive(Debug)]
pub(crate) struct Tokens {
    login: Option<Login>,
    current: RwLock<Option<Token>>,
    /// Held by whoever fetches a token, so that one does for all.
    fetching: Mutex<()>,
}

impl Tokens {
    pub(crate) fn new(login: Option<Login>) -> Self {
        Self { login, current: RwLock::new(None), fetching: Mutex::new(()) }
    }

    /// The token; `None` for a client without a user.
    pub(crate) async fn get<F>(
        &self,
        authenticate: impl FnOnce(AuthenticateRequest) -> F,
    ) -> Result<Option<Token>, Failure>
    where
        F: Future<Output = Result<AuthenticateResponse, Failure>>,
    {
        let Some(login) = &self.login else { return Ok(None) };
        if let Some(token) = self.read() {
            return Ok(Some(token));
        }
        let _turn = self.fetching.lock().await;
        if let Some(token) = self.read() {
            return Ok(Some(token));
        }
        let question =
            AuthenticateRequest { name: login.user.clone(), password: password(login).await? };
        let answer = authenticate(question).await?;
        let mut token: Token = answer
            .token
            .parse()
            .map_err(|_| Failure::Internal(Cause::new("etcd gave a token that is no header")))?;
        token.set_sensitive(true);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(Some(token))
    }

    /// Forgets a token that was refused, unless there is another already.
    pub(crate) fn refuse(&self, token: Option<&Token>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref() == token {
            *current = None;
        }
    }

    /// Forgets the token, whatever it is.
    pub(crate) fn forget(&self) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn read(&self) -> Option<Token> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn password(login: &Login) -> Result<String, Failure> {
    let path = match &login.password {
        Password::Given(password) => return Ok(password.clone()),
        Password::File(path) => path.clone(),
    };
    let unusable = |why: String| Failure::Internal(Cause::new(format!("password-file: {why}")));
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path));
    let read = read.await.map_err(|error| unusable(error.to_string()))?;
    let text = read.map_err(|error| unusable(error.to_string()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
        return Err(unusable(format!("it must have 1 to {PASSWORD_BYTES_MAX} bytes")));
    }
    Ok(password.to_owned())
}
