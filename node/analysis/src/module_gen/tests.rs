//! Names, paths and texts of generated modules. That they compile and pass is shown with real Mix in `tests/mix.rs`.

use super::*;

fn neighbours(list: &[(&str, &str)]) -> Vec<Neighbour> {
    list.iter()
        .map(|(m, p)| Neighbour {
            module: (*m).into(),
            path: (*p).into(),
        })
        .collect()
}

fn check_path(module: &str, around: &[(&str, &str)], expected: (&str, &str)) {
    let made = create(ModuleKind::Plain, module, "", &neighbours(around)).expect("a module");
    assert_eq!((made.path.as_str(), made.test_path.as_str()), expected);
}

#[test]
fn paths_follow_macro_underscore() {
    for (module, path) in [
        ("Shop", "shop"),
        ("ShopWeb.PageController", "shop_web/page_controller"),
        ("Shop.HTTPClient", "shop/http_client"),
        ("SAPExample", "sap_example"),
        ("Foo.Bar2Baz", "foo/bar2_baz"),
        ("FooV2", "foo_v2"),
        ("Foo_Bar", "foo__bar"),
        ("ABC", "abc"),
    ] {
        assert_eq!(underscore(module), path, "{module}");
    }
}

#[test]
fn a_name_of_elixirs_own_is_not_aliased() {
    let made = create(ModuleKind::Supervisor, "Shop.Supervisor", "", &[]).expect("a module");
    assert!(!made.test_source.contains("alias "), "{}", made.test_source);
    assert!(
        made.test_source.contains("Shop.Supervisor"),
        "{}",
        made.test_source
    );
    let made = create(ModuleKind::Supervisor, "Shop.Tree", "", &[]).expect("a module");
    assert!(
        made.test_source.contains("alias Shop.Tree\n"),
        "{}",
        made.test_source
    );
}

#[test]
fn siblings_decide_the_directory() {
    let around = [
        ("EEx", "lib/eex.ex"),
        ("EEx.Engine", "lib/eex/engine.ex"),
        ("EEx.Compiler", "lib/eex/compiler.ex"),
        ("EEx.SyntaxError", "lib/eex.ex"),
    ];
    check_path(
        "EEx.Cache",
        &around,
        ("lib/eex/cache.ex", "test/eex/cache_test.exs"),
    );
}

#[test]
fn neighbours_decide_the_application() {
    check_path(
        "Shop.Cart",
        &[],
        ("lib/shop/cart.ex", "test/shop/cart_test.exs"),
    );
    let umbrella = [
        ("Shop.Item", "apps/shop/lib/shop/item.ex"),
        ("ShopWeb", "apps/shop_web/lib/shop_web.ex"),
    ];
    check_path(
        "Shop.Cart",
        &umbrella,
        (
            "apps/shop/lib/shop/cart.ex",
            "apps/shop/test/shop/cart_test.exs",
        ),
    );
    check_path(
        "ShopWeb.Page",
        &umbrella,
        (
            "apps/shop_web/lib/shop_web/page.ex",
            "apps/shop_web/test/shop_web/page_test.exs",
        ),
    );
    let elsewhere = [
        ("Other", "packages/mail/lib/other.ex"),
        ("Shop", "packages/shop/lib/shop.ex"),
    ];
    check_path(
        "Mail.Box",
        &elsewhere,
        (
            "packages/mail/lib/mail/box.ex",
            "packages/mail/test/mail/box_test.exs",
        ),
    );
    let error = create(ModuleKind::Plain, "New.Thing", "", &neighbours(&umbrella))
        .expect_err("two applications");
    assert_eq!(
        error.to_string(),
        "cannot tell which application New.Thing belongs to; name it after one of: apps/shop, apps/shop_web"
    );
}

#[test]
fn refuses_names_it_cannot_give() {
    for name in [
        "",
        "shop",
        "Shop.",
        "Shop.cart",
        "Shop Cart",
        "Elixir.Shop",
        "Enum",
        "Shop/Cart",
        "Schöp",
        "../Shop",
    ] {
        let error = create(ModuleKind::Struct, name, "", &[]).expect_err(name);
        assert!(
            matches!(error, Error::BadModuleName { .. }),
            "{name}: {error}"
        );
    }
    let error = create(
        ModuleKind::Plain,
        "Shop.Cart",
        "",
        &neighbours(&[("Shop.Cart", "lib/cart.ex")]),
    )
    .expect_err("exists");
    assert_eq!(error.to_string(), "Shop.Cart already exists in lib/cart.ex");
    let taken = neighbours(&[("Shop.Other", "lib/shop/cart.ex"), ("Shop", "lib/shop.ex")]);
    assert!(matches!(
        create(ModuleKind::Plain, "Shop.Cart", "", &taken),
        Err(Error::PathTaken { .. })
    ));
}

#[test]
fn a_description_cannot_leave_its_heredoc() {
    let made = create(
        ModuleKind::Plain,
        "Shop",
        "a \"\"\" b #{System.halt()} \\ c",
        &[],
    )
    .expect("a module");
    assert!(
        made.source
            .contains("  a \\\"\"\" b \\#{System.halt()} \\\\ c\n"),
        "{}",
        made.source
    );
}
