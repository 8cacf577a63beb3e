import cn.binarywang.wx.miniapp.api.WxMaService;
import cn.binarywang.wx.miniapp.api.impl.WxMaServiceImpl;
import cn.binarywang.wx.miniapp.config.impl.WxMaDefaultConfigImpl;

// CentralMiniApp is what docs/central-token-server.md shows for weixin-java-miniapp.
class CentralMiniApp {
    static WxMaService service() {
        WxMaDefaultConfigImpl config = new WxMaDefaultConfigImpl();
        config.setAppid(System.getenv("APPID"));
        config.setSecret(System.getenv("CLIENT_SECRET"));
        config.useStableAccessToken(true);
        config.setAccessTokenUrl(System.getenv("TOKEN_SERVER") + "/cgi-bin/stable_token");
        WxMaService service = new WxMaServiceImpl();
        service.setWxMaConfig(config);
        return service;
    }
}
