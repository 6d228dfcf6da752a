//! Tokens on the wire.

use crate::convert::error::Refusal;
use crate::grpc::caller::permit;
use crate::rooms::Rooms;
use aiex_proto::v1::{self, admin_server::Admin};
use aiex_security::{
    NewToken, ProfileRead, Role, TokenCreate, TokenList, TokenRecord, TokenRevoke,
};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Serves `aiex.v1.Admin`.
pub(crate) struct AdminService {
    pub(crate) rooms: Arc<Rooms>,
}

#[tonic::async_trait]
impl Admin for AdminService {
    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenReply>, Status> {
        permit(&request, TokenCreate)?;
        let wanted = request.into_inner();
        let roles = wanted.roles.iter().map(|role| role_from_wire(role));
        let request = NewToken {
            user: wanted.user,
            roles: roles.collect::<Result<_, _>>()?,
            label: wanted.label,
            lifetime_ms: wanted.lifetime_ms,
        };
        let (token, record) = self.rooms.tokens.create(request).await?;
        Ok(Response::new(v1::CreateTokenReply {
            token,
            info: Some(token_to_wire(record)),
        }))
    }

    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensReply>, Status> {
        let permit = permit(&request, TokenList)?;
        let records = self.rooms.tokens.list().await?;
        let visible = records
            .into_iter()
            .filter(|record| permit.covers(&record.user).is_ok());
        Ok(Response::new(v1::ListTokensReply {
            tokens: visible.map(token_to_wire).collect(),
        }))
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::RevokeTokenReply>, Status> {
        let permit = permit(&request, TokenRevoke)?;
        let token_id = &request.get_ref().token_id;
        if let Some((record, _)) = self.rooms.tokens.find(token_id).await? {
            permit.covers(&record.user).map_err(Refusal::from)?;
        }
        self.rooms.tokens.revoke(token_id).await?;
        Ok(Response::new(v1::RevokeTokenReply {}))
    }

    async fn who_am_i(
        &self,
        request: Request<v1::WhoAmIRequest>,
    ) -> Result<Response<v1::WhoAmIReply>, Status> {
        let permit = permit(&request, ProfileRead)?;
        let principal = permit.principal();
        Ok(Response::new(v1::WhoAmIReply {
            user: principal.user.clone(),
            roles: principal.roles.iter().map(ToString::to_string).collect(),
            token_id: principal.token_id.clone(),
        }))
    }
}

fn role_from_wire(name: &str) -> Result<Role, Refusal> {
    name.parse().map_err(|error: aiex_security::Error| {
        let known: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
        Refusal::invalid(error.to_string(), format!("roles: {}", known.join(", ")))
    })
}

fn token_to_wire(record: TokenRecord) -> v1::TokenInfo {
    v1::TokenInfo {
        token_id: record.token_id,
        user: record.user,
        roles: record.roles.iter().map(ToString::to_string).collect(),
        label: record.label,
        created_unix_ms: record.created_unix_ms,
        expires_unix_ms: record.expires_unix_ms,
        revoked: record.revoked,
    }
}
