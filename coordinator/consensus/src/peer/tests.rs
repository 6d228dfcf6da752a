//! Who may connect: only nodes of the cluster, with its certificates, to the node that they mean.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use super::{pending::NoAnswer, wire::Body, *};

const NAME: &str = "peer.aiex";
const LIMIT: Duration = Duration::from_secs(10);

/// An authority that signs the certificates of nodes.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn tls(&self) -> PeerTls {
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        PeerTls {
            authority: self.0.pem(),
            certificate: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
            server_name: NAME.to_owned(),
        }
    }
}

async fn link(cluster: u8, node: u64, security: PeerSecurity) -> PeerLink {
    let config = PeerConfig {
        cluster: [cluster; 16],
        node: NodeId(node),
        security,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    PeerLink::start(config, listener).unwrap()
}

/// Asks `to` for a group that it does not have, believing that it is `node`; says why there was no vote.
async fn ask(from: &PeerLink, to: &PeerLink, node: u64) -> String {
    let peer = from.peer(NodeId(node), &to.address().to_string());
    let question = Body::Vote(wire::v1::Ballot::default());
    match peer.control.ask(GroupId(1), question, LIMIT).await {
        Err(NoAnswer::Refused(reason)) => format!("reached: {reason}"),
        Err(NoAnswer::Down(reason)) => format!("down: {reason}"),
        other => panic!("{other:?}"),
    }
}

const REACHED: &str = "reached: the group does not run here";

#[tokio::test]
async fn identity_is_proved_on_open() {
    let one = link(7, 1, PeerSecurity::Insecure).await;
    let two = link(7, 2, PeerSecurity::Insecure).await;
    assert_eq!(ask(&one, &two, 2).await, REACHED);
    let misrouted = ask(&one, &two, 3).await;
    assert_eq!(misrouted, "down: node 3 was meant, this is node 2");
    let stranger = link(8, 3, PeerSecurity::Insecure).await;
    let refused = ask(&stranger, &two, 2).await;
    assert_eq!(refused, "down: the peer belongs to another cluster");
    let double = link(7, 2, PeerSecurity::Insecure).await;
    let refused = ask(&double, &two, 2).await;
    assert_eq!(refused, "down: another node calls itself 2");
    for link in [one, two, stranger, double] {
        link.shutdown().await;
    }
}

#[tokio::test]
async fn only_certificates_of_the_cluster_are_let_in() {
    let authority = Authority::new();
    let one = link(7, 1, PeerSecurity::Tls(authority.tls())).await;
    let two = link(7, 2, PeerSecurity::Tls(authority.tls())).await;
    assert_eq!(ask(&one, &two, 2).await, REACHED);

    let forged = PeerTls {
        authority: authority.0.pem(),
        ..Authority::new().tls()
    };
    let foreign = link(7, 3, PeerSecurity::Tls(forged)).await;
    let plain = link(7, 4, PeerSecurity::Insecure).await;
    for stranger in [&foreign, &plain] {
        let refused = ask(stranger, &two, 2).await;
        assert!(refused.starts_with("down: "), "{refused}");
    }
    // And a node does not talk to a server that the authority does not know.
    let refused = ask(&one, &foreign, 3).await;
    assert!(refused.starts_with("down: "), "{refused}");

    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(authority.0.pem()))
        .domain_name(NAME);
    let endpoint = Endpoint::from_shared(format!("https://{}", two.address()))
        .unwrap()
        .tls_config(tls)
        .unwrap();
    // With TLS 1.3 the refusal may come with the first answer instead of the handshake.
    if let Ok(transport) = endpoint.connect().await {
        let mut client = wire::v1::peers_client::PeersClient::new(transport);
        let status = client.exchange(tokio_stream::empty()).await.unwrap_err();
        assert_ne!(
            status.code(),
            tonic::Code::Unauthenticated,
            "it reached the service: {status}"
        );
    }
    for link in [one, two, foreign, plain] {
        link.shutdown().await;
    }
}

#[tokio::test]
async fn bad_certificates_are_told_at_the_start() {
    let mut tls = Authority::new().tls();
    tls.key = "rubbish".to_owned();
    let config = PeerConfig {
        cluster: [7; 16],
        node: NodeId(1),
        security: PeerSecurity::Tls(tls),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = PeerLink::start(config, listener).map(|_| ());
    assert!(
        matches!(refused, Err(Error::PeerLink { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_node_that_is_down_is_told_at_once_and_found_again() {
    let one = link(7, 1, PeerSecurity::Insecure).await;
    let two = link(7, 2, PeerSecurity::Insecure).await;
    assert_eq!(ask(&one, &two, 2).await, REACHED);
    two.shutdown().await;
    let peer = one.peer(NodeId(2), "");
    let question = || Body::Vote(wire::v1::Ballot::default());
    let lost = peer.control.ask(GroupId(1), question(), LIMIT).await;
    assert!(matches!(lost, Err(NoAnswer::Down(_))), "{lost:?}");
    let again = TcpListener::bind(two.address()).await.unwrap();
    let two = PeerLink::start(two.inner.config.clone(), again).unwrap();
    let deadline = tokio::time::Instant::now() + LIMIT;
    while let Err(NoAnswer::Down(_)) = peer.control.ask(GroupId(1), question(), LIMIT).await {
        assert!(tokio::time::Instant::now() < deadline, "not found again");
        tokio::task::yield_now().await;
    }
    one.shutdown().await;
    two.shutdown().await;
}
