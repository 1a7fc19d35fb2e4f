//! From flags to an authenticator.

use super::administrator;
use super::configuration::Configuration;
use super::lookup::Lookup;
use super::metrics::Attempts;
use super::request_header::{FrontProxy, HeaderNames, Settings};
use super::review::TokenReviews;
use super::tokens::Signed;
use super::{
    Anonymous, Authenticator, Authorities, Hasher, Issuers, ServiceAccounts, TokenFile, Tokens,
    Trusted,
};
use crate::delegation::Delegation;
use crate::kubeconfig::AdminToken;
use crate::options::{AuthenticationOptions, Options};
use crate::reload::Reloads;
use crate::upstream::Upstream;
use arc_swap::ArcSwapOption;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Reads what the flags name, and has it read again when it changes; what they do not name, a
/// cluster is asked for, and the task that is returned follows what it says.
///
/// # Errors
/// With one line that names the flag or the file, or says what the cluster said.
pub(crate) async fn set_up(
    options: &Options,
    admin: &AdminToken,
    delegation: Delegation,
    reloads: &mut Reloads,
) -> io::Result<(Authenticator, Option<JoinHandle<()>>)> {
    let flags = &options.authentication;
    let everybody = options.insecure_allow_all.then(administrator);
    if everybody.is_some() {
        tracing::warn!("--insecure-allow-all: everybody may do everything");
    }
    let hasher = Hasher::new();
    let anonymous = Arc::new(Anonymous::everywhere(options.anonymous_auth));
    let accounts = service_accounts(flags, reloads)?;
    let issuers = issuers(flags, &anonymous, reloads)?;
    let keep = options.delegation.authentication_token_webhook_cache_ttl;
    let review = |cluster: &Arc<Upstream>| TokenReviews::new(Arc::clone(cluster), keep);
    let mut authenticator = Authenticator {
        everybody,
        front_proxy: front_proxy(flags, reloads)?,
        client_authorities: client_authorities(flags, reloads)?,
        tokens: Tokens {
            admin: Some((hasher.digest(admin.as_str()), administrator())),
            file: token_file(flags, &hasher, reloads)?,
            signed: Signed::new(accounts, issuers),
            cluster: delegation.authentication.as_ref().map(review),
            hasher,
        },
        anonymous,
        attempts: Attempts::default(),
        delegation,
    };
    let following = look_up(&mut authenticator, options).await?;
    Ok((authenticator, following))
}

/// Asks the cluster for what the flags do not say.
async fn look_up(
    authenticator: &mut Authenticator,
    options: &Options,
) -> io::Result<Option<JoinHandle<()>>> {
    let Some(cluster) = authenticator.delegation.authentication.clone() else { return Ok(None) };
    let is_complete =
        authenticator.client_authorities.is_some() && authenticator.front_proxy.is_some();
    if options.delegation.authentication_skip_lookup || is_complete {
        return Ok(None);
    }
    let mut lookup = Lookup { cluster, client_authorities: None, front_proxy: None };
    if authenticator.client_authorities.is_none() {
        lookup.client_authorities = Some(Trusted::default());
        authenticator.client_authorities.clone_from(&lookup.client_authorities);
    }
    if authenticator.front_proxy.is_none() {
        lookup.front_proxy = Some(FrontProxy::default());
        authenticator.front_proxy.clone_from(&lookup.front_proxy);
    }
    match lookup.read().await {
        Ok(()) => {}
        Err(why) if options.delegation.authentication_tolerate_lookup_failure => {
            tracing::warn!("continuing without authentication configuration of the cluster: {why}");
        }
        Err(why) => {
            let advice = "to start without it, give --authentication-tolerate-lookup-failure";
            return Err(io::Error::other(format!("{why}; {advice}")));
        }
    }
    Ok(Some(tokio::spawn(lookup.follow())))
}

fn client_authorities(
    flags: &AuthenticationOptions,
    reloads: &mut Reloads,
) -> io::Result<Option<Trusted>> {
    let Some(path) = flags.client_ca_file.clone() else { return Ok(None) };
    let trusted = Trusted::new(ArcSwapOption::from(Some(Authorities::read(&path)?)));
    let current = Arc::clone(&trusted);
    reloads.watch("--client-ca-file", vec![path.clone()], move || {
        current.store(Some(Authorities::read(&path)?));
        Ok(())
    });
    Ok(Some(trusted))
}

fn front_proxy(
    flags: &AuthenticationOptions,
    reloads: &mut Reloads,
) -> io::Result<Option<FrontProxy>> {
    let Some(path) = flags.requestheader_client_ca_file.clone() else { return Ok(None) };
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
    let headers = HeaderNames::new(flags.headers()).map_err(invalid)?;
    let allowed_names = flags.requestheader_allowed_names.clone();
    let read = move |path: &Path| -> io::Result<Option<Arc<Settings>>> {
        let authorities = Authorities::read(path)?;
        let (allowed_names, headers) = (allowed_names.clone(), headers.clone());
        Ok(Some(Arc::new(Settings { authorities, allowed_names, headers })))
    };
    let proxy = FrontProxy::default();
    proxy.0.store(read(&path)?);
    let current = proxy.clone();
    reloads.watch("--requestheader-client-ca-file", vec![path.clone()], move || {
        current.0.store(read(&path)?);
        Ok(())
    });
    Ok(Some(proxy))
}

fn token_file(
    flags: &AuthenticationOptions,
    hasher: &Arc<Hasher>,
    reloads: &mut Reloads,
) -> io::Result<Option<Arc<TokenFile>>> {
    let Some(path) = &flags.token_auth_file else { return Ok(None) };
    let file = TokenFile::read(path, hasher)?;
    let current = Arc::clone(&file);
    reloads.watch("--token-auth-file", vec![path.clone()], move || current.reload());
    Ok(Some(file))
}

fn service_accounts(
    flags: &AuthenticationOptions,
    reloads: &mut Reloads,
) -> io::Result<Option<Arc<ServiceAccounts>>> {
    let paths = &flags.service_account_key_file;
    let issuers = &flags.service_account_issuer;
    if paths.is_empty() != issuers.is_empty() {
        let why = "--service-account-key-file and --service-account-issuer need one another";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    if paths.is_empty() {
        return Ok(None);
    }
    let accounts = ServiceAccounts::read(issuers, &flags.api_audiences, paths)?;
    let current = Arc::clone(&accounts);
    reloads.watch("--service-account-key-file", paths.clone(), move || current.reload());
    Ok(Some(accounts))
}

fn issuers(
    flags: &AuthenticationOptions,
    anonymous: &Arc<Anonymous>,
    reloads: &mut Reloads,
) -> io::Result<Option<Arc<Issuers>>> {
    let Some(path) = flags.authentication_config.clone() else { return Ok(None) };
    let issuers = Arc::new(Issuers::default());
    let (current, anonymous) = (Arc::clone(&issuers), Arc::clone(anonymous));
    let read = move |path: &Path| -> io::Result<()> {
        let configuration = Configuration::read(path)?;
        if let Some(allowed) = configuration.anonymous() {
            anonymous.allow(allowed);
        }
        current.replace(&configuration.jwt);
        Ok(())
    };
    read(&path)?;
    reloads.watch("--authentication-config", vec![path.clone()], move || read(&path));
    Ok(Some(issuers))
}
