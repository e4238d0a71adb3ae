package io.awseventcache.bridge.gate;

import com.netflix.spinnaker.kork.plugins.api.spring.PrivilegedSpringPlugin;
import io.awseventcache.bridge.service.ServiceAddress;
import org.pf4j.PluginWrapper;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;

/** Adds one endpoint to Gate, for what SNS posts. */
public class GateBridge extends PrivilegedSpringPlugin {

  private static final Logger log = LoggerFactory.getLogger(GateBridge.class);

  public GateBridge(PluginWrapper wrapper) {
    super(wrapper);
  }

  @Override
  public void registerBeanDefinitions(BeanDefinitionRegistry registry) {
    try {
      registerBean(beanDefinitionFor(ServiceAddress.class), registry);
      registerBean(beanDefinitionFor(SnsRelayController.class), registry);
    } catch (ClassNotFoundException | LinkageError e) {
      // Thrown on, it would keep the whole service from starting.
      log.error("aws-event-cache bridge: this part is not for this service and does nothing here", e);
    }
  }
}
